/*
 * A plugin for qemu's emulation of one process (qemu-aarch64 -plugin): at the end it prints how many instructions were
 * executed.
 *
 * Written for qemu 7.2, of Debian 12, which comes without the header that declares this interface. Newer ones refuse it.
 */
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#define EXPORT __attribute__((visibility("default")))

/* What of qemu-plugin.h is used. */
typedef uint64_t plugin_id;
struct qemu_plugin_tb;
enum operation { ADD = 0 };
size_t qemu_plugin_tb_n_insns(const struct qemu_plugin_tb *block);
void qemu_plugin_register_vcpu_tb_trans_cb(plugin_id id, void (*translated)(plugin_id, struct qemu_plugin_tb *));
void qemu_plugin_register_vcpu_tb_exec_inline(struct qemu_plugin_tb *block, enum operation operation, void *value,
					      uint64_t by);
void qemu_plugin_register_atexit_cb(plugin_id id, void (*ended)(plugin_id, void *), void *data);

EXPORT int qemu_plugin_version = 1;

static uint64_t executed;

/* A block that is entered is executed to its end. */
static void translated(plugin_id id, struct qemu_plugin_tb *block)
{
	(void)id;
	qemu_plugin_register_vcpu_tb_exec_inline(block, ADD, &executed, qemu_plugin_tb_n_insns(block));
}

static void ended(plugin_id id, void *data)
{
	(void)id;
	(void)data;
	fprintf(stderr, "Collected : %llu\n", (unsigned long long)executed);
}

EXPORT int qemu_plugin_install(plugin_id id, const void *about, int count, char **arguments)
{
	(void)about;
	(void)count;
	(void)arguments;
	qemu_plugin_register_vcpu_tb_trans_cb(id, translated);
	qemu_plugin_register_atexit_cb(id, ended, NULL);
	return 0;
}
