/*
 * LD_PRELOAD shim that lets libcamera's virtual cameras run on kernels without dma-buf allocators, and from any yaml.
 *
 * The virtual pipeline makes no pictures in ordinary memory: it allocates from /dev/dma_heap/ or /dev/udmabuf, which
 * containers, CI machines and older kernels don't have; starting a camera then fails with ENOBUFS. A udmabuf is made of a
 * memfd in the first place, so this answers with that memfd itself. What it answers, and nothing else:
 *
 *   open("/dev/udmabuf")   a new memfd, where the node is missing or not for us. Only its descriptor matters.
 *   ioctl(UDMABUF_CREATE)  where no kernel driver is behind the descriptor: a duplicate of the caller's memfd.
 *   ioctl(DMA_BUF_IOCTL_SYNC)  on what is no dma-buf: done. Memory of a memfd needs no cache maintenance.
 *   open and stat of .../pipeline/virtual/virtual.yaml  the file that LIBCAMERA_VIRTUAL_YAML names, if set. libcamera
 *                          looks in its installation only, which tests neither own nor share.
 *
 * The real call always goes first, so that real devices win where they exist. For tests only: preload it into the one
 * program under test, never into a shell.
 */
#define _GNU_SOURCE
#define _LARGEFILE64_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/dma-buf.h>
#include <linux/udmabuf.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>

/* The next definition of the function that this is called in. */
#define REAL(type) ((type)dlsym(RTLD_NEXT, __func__))

static const char *redirected(const char *path)
{
	static const char suffix[] = "/pipeline/virtual/virtual.yaml";
	const char *yaml = getenv("LIBCAMERA_VIRTUAL_YAML");
	size_t length = path ? strlen(path) : 0;

	if (!yaml || length < sizeof(suffix) - 1)
		return path;
	return strcmp(path + length - (sizeof(suffix) - 1), suffix) ? path : yaml;
}

static int opened(const char *path, int fd)
{
	if (fd >= 0 || strcmp(path, "/dev/udmabuf"))
		return fd;
	return memfd_create("udmabuf-shim", MFD_CLOEXEC);
}

static mode_t mode_of(int flags, va_list arguments)
{
	/* Present only where a file may be created. */
	return flags & (O_CREAT | __O_TMPFILE) ? (mode_t)va_arg(arguments, int) : 0;
}

int open(const char *path, int flags, ...)
{
	va_list arguments;

	va_start(arguments, flags);
	mode_t mode = mode_of(flags, arguments);
	va_end(arguments);
	path = redirected(path);
	return opened(path, REAL(int (*)(const char *, int, ...))(path, flags, mode));
}

int open64(const char *path, int flags, ...)
{
	va_list arguments;

	va_start(arguments, flags);
	mode_t mode = mode_of(flags, arguments);
	va_end(arguments);
	path = redirected(path);
	return opened(path, REAL(int (*)(const char *, int, ...))(path, flags, mode));
}

/* What open() becomes in programs compiled with _FORTIFY_SOURCE, as distributions do. */
int __open_2(const char *path, int flags)
{
	path = redirected(path);
	return opened(path, REAL(int (*)(const char *, int))(path, flags));
}

int __open64_2(const char *path, int flags)
{
	path = redirected(path);
	return opened(path, REAL(int (*)(const char *, int))(path, flags));
}

int stat(const char *path, struct stat *out)
{
	return REAL(int (*)(const char *, struct stat *))(redirected(path), out);
}

int stat64(const char *path, struct stat64 *out)
{
	return REAL(int (*)(const char *, struct stat64 *))(redirected(path), out);
}

int ioctl(int fd, unsigned long request, ...)
{
	va_list arguments;

	va_start(arguments, request);
	void *argument = va_arg(arguments, void *);
	va_end(arguments);
	int result = REAL(int (*)(int, unsigned long, ...))(fd, request, argument);
	/* What has no driver. An emulator answers what it does not know with ENOSYS. */
	if (result >= 0 || (errno != ENOTTY && errno != ENOSYS))
		return result;
	if (request == UDMABUF_CREATE)
		return fcntl(((struct udmabuf_create *)argument)->memfd, F_DUPFD_CLOEXEC, 0);
	return request == DMA_BUF_IOCTL_SYNC ? 0 : result;
}
