//! Hands a frame to its first viewers on the thread that publishes it.
//!
//! A task that waits for frames is woken by the thread that publishes one. With many of them that is best left to the runtime.
//! With one or two, the way there costs more than what the task has to do: a system call, the wake-up of a second thread, and
//! a frame that has to come from the cache of another core. So these tasks are polled by the publishing thread itself, once it
//! holds no lock any more. Everything else that wakes such a task leaves it to the runtime, which owns it, as any other.
//!
//! The publishing thread may be the source's own, which has the next frame to fetch. So a task that turns out to be long about
//! it, such as one that encrypts on a slow core, is left to the runtime for a while.

use futures::StreamExt;
use futures::stream::FuturesUnordered;
use futures::task::AtomicWaker;
use rustix::time::{ClockId, clock_gettime};
use std::any::Any;
use std::cell::RefCell;
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::pin::Pin;
use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;
use tokio::runtime::Handle;

/// With more tasks than this the runtime is left to do it: it sends to them while the next frame is made.
const MOST: usize = 2;

/// CPU time that the tasks may take of the publishing thread: little of the 8 ms between two frames at 120 fps.
const LONGEST: Duration = Duration::from_millis(2);

/// How many frames a task that took longer is left to the runtime for, before it is tried here again.
const LEFT_ALONE: u8 = 64;

thread_local! {
    /// The tasks that were woken since [`publishing`] began, where it is on.
    static WOKEN: RefCell<Option<Vec<Arc<Task>>>> = const { RefCell::new(None) };
}

/// A future for [`Handle::spawn`] that [`publishing`] can poll as well.
pub(crate) struct Near(Arc<Task>);

/// Polls the future only once something has woken it, and not each time that the task is polled for something else, such as a
/// frame.
///
/// # Panics
/// Polled again after its end.
pub(crate) fn when_woken<F: Future + Send>(future: F) -> impl Future<Output = F::Output> + Send {
    let mut one: FuturesUnordered<_> = [Box::pin(future)].into_iter().collect();
    async move { one.next().await.expect("it is in there until it ends") }
}

struct Task {
    future: Mutex<Running>,
    state: AtomicU8,
    /// Wakes the runtime's task.
    owner: AtomicWaker,
    runtime: Handle,
    /// How many frames it is still left to the runtime for.
    left_alone: AtomicU8,
}

enum Running {
    On(Pin<Box<dyn Future<Output = ()> + Send>>),
    Done,
    Panicked(Box<dyn Any + Send>),
}

/// What [`Task::state`] can be: whether a thread is in the future, and whether it has to be polled once more after that.
const IDLE: u8 = 0;
const POLLED: u8 = 1;
const WANTED: u8 = 2;

/// Polled by the runtime, and by threads that publish what it waits for.
///
/// # Panics
/// Outside a runtime.
pub(crate) fn near(future: impl Future<Output = ()> + Send + 'static) -> Near {
    Near(Arc::new(Task {
        future: Mutex::new(Running::On(Box::pin(future))),
        state: AtomicU8::new(IDLE),
        owner: AtomicWaker::new(),
        runtime: Handle::current(),
        left_alone: AtomicU8::new(0),
    }))
}

/// Does something that wakes tasks, and then polls them on this thread if they are few. To be called where no lock is held
/// and nothing waits for this thread.
pub(crate) fn publishing<T>(work: impl FnOnce() -> T) -> T {
    if Handle::try_current().is_ok() || WOKEN.with_borrow(Option::is_some) {
        return work();
    }
    WOKEN.set(Some(Vec::new()));
    let woken = Collecting;
    let done = work();
    drop(woken);
    done
}

/// Ends the collecting, also where the work panics.
struct Collecting;

impl Drop for Collecting {
    fn drop(&mut self) {
        let woken = WOKEN.take().unwrap_or_default();
        if woken.len() > MOST || std::thread::panicking() {
            woken.iter().for_each(|task| task.owner.wake());
            return;
        }
        outside_spans(|| {
            let mut taken = Duration::ZERO;
            for task in woken {
                if taken < LONGEST && task.is_quick() {
                    taken += task.poll_here();
                } else {
                    task.owner.wake();
                }
            }
        });
    }
}

/// Does something outside the spans that this thread is in: a viewer's log lines are none of the camera's.
fn outside_spans(work: impl FnOnce()) {
    let log = tracing::dispatcher::get_default(Clone::clone);
    let mut spans = Vec::new();
    while let Some(span) = log.current_span().id() {
        log.exit(span);
        spans.push(span.clone());
    }
    // A task's panic stays in its task, so that this comes back.
    work();
    spans.iter().rev().for_each(|span| log.enter(span));
}

/// The CPU time of this thread: what other programs take of the machine meanwhile doesn't count.
fn thread_time() -> Duration {
    Duration::try_from(clock_gettime(ClockId::ThreadCPUTime)).unwrap_or_default()
}

impl Task {
    /// Whether it may be polled by a thread that publishes. To be asked once for each frame.
    fn is_quick(&self) -> bool {
        let counted = |left: u8| left.checked_sub(1);
        let left = self
            .left_alone
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, counted);
        left.is_err()
    }

    /// Polls it on a thread that is not the runtime's. Returns the CPU time that it took.
    fn poll_here(self: &Arc<Self>) -> Duration {
        let began = thread_time();
        // With the runtime's context and its budget: a client that sends without end must not hold this thread.
        let polled = self.runtime.block_on(async { self.poll() });
        if polled.is_ready() {
            // The runtime's task has to end.
            self.owner.wake();
        }
        let took = thread_time().saturating_sub(began);
        if took > LONGEST {
            self.left_alone.store(LEFT_ALONE, Ordering::Relaxed);
        }
        took
    }

    /// Polls the future, or sees to it that who polls it just now does so once more.
    fn poll(self: &Arc<Self>) -> Poll<()> {
        let enter = |state| match state {
            IDLE => Some(POLLED),
            _ => Some(WANTED),
        };
        let entered = self
            .state
            .fetch_update(Ordering::AcqRel, Ordering::Acquire, enter);
        if entered != Ok(IDLE) {
            return Poll::Pending;
        }
        let polled = {
            // One thread at a time comes here, so that only the drop can wait.
            let mut future = self.future.lock().unwrap_or_else(PoisonError::into_inner);
            let polled = catch_unwind(AssertUnwindSafe(|| {
                let Running::On(running) = &mut *future else {
                    return Poll::Ready(());
                };
                let waker = Waker::from(Arc::clone(self));
                let polled = running.as_mut().poll(&mut Context::from_waker(&waker));
                if polled.is_ready() {
                    *future = Running::Done;
                }
                polled
            }));
            polled.unwrap_or_else(|panic| {
                let left = std::mem::replace(&mut *future, Running::Panicked(panic));
                // Of two panics the first one is told.
                let _ = catch_unwind(AssertUnwindSafe(|| drop(left)));
                Poll::Ready(())
            })
        };
        if self.state.swap(IDLE, Ordering::AcqRel) == WANTED {
            self.owner.wake();
        }
        polled
    }
}

impl Wake for Task {
    fn wake(self: Arc<Self>) {
        Self::wake_by_ref(&self);
    }

    fn wake_by_ref(self: &Arc<Self>) {
        let collected = WOKEN.with_borrow_mut(|woken| match woken {
            Some(woken) => {
                if !woken.iter().any(|task| Arc::ptr_eq(task, self)) {
                    woken.push(Arc::clone(self));
                }
                true
            }
            None => false,
        });
        if !collected {
            self.owner.wake();
        }
    }
}

impl Future for Near {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        self.0.owner.register(cx.waker());
        if self.0.poll().is_pending() {
            return Poll::Pending;
        }
        let mut future = self.0.future.lock().unwrap_or_else(PoisonError::into_inner);
        match std::mem::replace(&mut *future, Running::Done) {
            Running::Panicked(panic) => {
                drop(future);
                resume_unwind(panic)
            }
            _ => Poll::Ready(()),
        }
    }
}

impl Drop for Near {
    /// Nothing polls the future once this returns.
    fn drop(&mut self) {
        let mut future = self.0.future.lock().unwrap_or_else(PoisonError::into_inner);
        *future = Running::Done;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc;
    use std::thread::{self, ThreadId};
    use tokio::sync::watch;

    /// Tells, for each value that it sees, the thread that it is on.
    async fn watcher(mut values: watch::Receiver<u32>, told: mpsc::Sender<(u32, ThreadId)>) {
        while values.changed().await.is_ok() {
            let value = *values.borrow_and_update();
            told.send((value, thread::current().id())).unwrap();
        }
    }

    impl Task {
        /// One that waits is polled by no thread, and something else has its waker.
        fn waits(self: &Arc<Self>) -> bool {
            self.state.load(Ordering::Acquire) == IDLE && Arc::strong_count(self) > 2
        }
    }

    /// Whether `tasks` waiting tasks run on the thread that publishes a value; `None` where only some of them do.
    fn runs_where_it_is_published(tasks: usize) -> Option<bool> {
        let runtime = tokio::runtime::Runtime::new().unwrap();
        let context = runtime.enter();
        let (values, _) = watch::channel(0);
        let (told, saw) = mpsc::channel();
        let polls: Vec<_> = (0..tasks)
            .map(|_| {
                let watcher = near(watcher(values.subscribe(), told.clone()));
                let task = Arc::clone(&watcher.0);
                runtime.spawn(watcher);
                task
            })
            .collect();
        drop(context);
        while !polls.iter().all(Task::waits) {
            thread::yield_now();
        }
        let publisher = thread::spawn(move || {
            publishing(|| values.send_replace(1));
            values
        });
        let id = publisher.thread().id();
        let threads: Vec<_> = (0..tasks).map(|_| saw.recv().unwrap().1).collect();
        drop(publisher.join());
        let here = threads.iter().filter(|thread| **thread == id).count();
        match here {
            0 => Some(false),
            _ if here == tasks => Some(true),
            _ => None,
        }
    }

    #[test]
    fn the_first_two_tasks_run_where_it_is_published_and_more_on_the_runtime() {
        for tasks in 1..=MOST + 2 {
            assert_eq!(runs_where_it_is_published(tasks), Some(tasks <= MOST));
        }
    }

    /// A task that waits for `values`, and takes `time` of CPU for each of them.
    fn task(
        runtime: &tokio::runtime::Runtime,
        values: &watch::Sender<u32>,
        time: Duration,
    ) -> (Arc<Task>, mpsc::Receiver<ThreadId>) {
        let mut seen = values.subscribe();
        let (told, saw) = mpsc::channel();
        let _context = runtime.enter();
        let near = near(async move {
            while seen.changed().await.is_ok() {
                let began = thread_time();
                while thread_time() - began < time {}
                told.send(thread::current().id()).unwrap();
            }
        });
        let task = Arc::clone(&near.0);
        runtime.spawn(near);
        (task, saw)
    }

    #[test]
    fn a_task_that_is_long_about_a_frame_leaves_the_publisher_to_the_other_one() {
        let runtime = tokio::runtime::Runtime::new().unwrap();
        let (values, _) = watch::channel(0);
        let (slow, slow_saw) = task(&runtime, &values, 2 * LONGEST);
        let (quick, quick_saw) = task(&runtime, &values, Duration::ZERO);
        let (mut slow_here, mut quick_here) = (0, 0);
        let frames = 2 * u32::from(LEFT_ALONE);
        for value in 1..=frames {
            while !(slow.waits() && quick.waits()) {
                thread::yield_now();
            }
            publishing(|| values.send_replace(value));
            let here = thread::current().id();
            slow_here += u32::from(slow_saw.recv().unwrap() == here);
            quick_here += u32::from(quick_saw.recv().unwrap() == here);
        }
        // Once at first, and once more after it was left alone. The quick one may come after it then.
        assert_eq!(slow_here, 2);
        assert!(quick_here >= frames - 2, "{quick_here} of {frames}");
    }

    #[test]
    fn what_a_task_logs_is_none_of_the_publishers() {
        let _log = tracing::subscriber::set_default(tracing_subscriber::registry());
        let span = |name: Option<&'static str>| assert_eq!(current_span(), name);
        let camera = tracing::info_span!("camera").entered();
        let thread = tracing::info_span!("thread").entered();
        outside_spans(|| {
            span(None);
            tracing::info_span!("viewer").in_scope(|| span(Some("viewer")));
            span(None);
        });
        span(Some("thread"));
        drop(thread);
        span(Some("camera"));
        drop(camera);
        span(None);
    }

    fn current_span() -> Option<&'static str> {
        tracing::Span::current().metadata().map(|span| span.name())
    }

    #[test]
    fn no_value_is_missed_however_many_threads_publish_and_poll() {
        let runtime = tokio::runtime::Runtime::new().unwrap();
        let (values, _) = watch::channel(0);
        let mut seen = values.subscribe();
        let (told, saw) = mpsc::channel();
        let task = runtime.spawn(async move {
            let watching = async move {
                while *seen.borrow_and_update() < 4_000 {
                    seen.changed().await.unwrap();
                }
                told.send(()).unwrap();
            };
            near(watching).await;
        });
        thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    for _ in 0..1_000 {
                        publishing(|| values.send_modify(|value| *value += 1));
                    }
                });
            }
        });
        saw.recv().unwrap();
        runtime.block_on(task).unwrap();
    }

    #[test]
    fn a_task_that_has_always_something_to_do_holds_no_publisher() {
        let runtime = tokio::runtime::Runtime::new().unwrap();
        let (values, mut seen) = watch::channel(0);
        let (ends, mut end) = tokio::sync::oneshot::channel::<()>();
        let waiting = Arc::new(tokio::sync::Notify::new());
        let waits = Arc::clone(&waiting);
        let task = runtime.spawn(async move {
            let busy = async move {
                waits.notify_one();
                seen.changed().await.unwrap();
                while end.try_recv().is_err() {
                    tokio::task::coop::consume_budget().await;
                }
            };
            near(busy).await;
        });
        runtime.block_on(waiting.notified());
        let (returned, returns) = mpsc::channel();
        thread::spawn(move || {
            publishing(|| values.send_replace(1));
            returned.send(values).unwrap();
        });
        let values = returns.recv_timeout(Duration::from_secs(60));
        ends.send(()).unwrap();
        assert!(values.is_ok());
        runtime.block_on(task).unwrap();
    }

    #[test]
    fn a_panic_is_the_tasks_and_not_the_publishers() {
        let runtime = tokio::runtime::Runtime::new().unwrap();
        let (values, mut seen) = watch::channel(0);
        let task = runtime.spawn(async move {
            near(async move {
                seen.changed().await.unwrap();
                panic!("a fault");
            })
            .await;
        });
        let published = thread::spawn(move || {
            publishing(|| values.send_replace(1));
            values
        });
        assert!(published.join().is_ok());
        assert!(runtime.block_on(task).unwrap_err().is_panic());
    }

    #[test]
    fn a_task_that_panics_as_it_goes_ends_and_holds_no_publisher() {
        struct Faulty;
        impl Drop for Faulty {
            fn drop(&mut self) {
                panic!("a fault");
            }
        }
        let runtime = tokio::runtime::Runtime::new().unwrap();
        let (values, mut seen) = watch::channel(0);
        let context = runtime.enter();
        let mut waiting = Box::pin(async move { seen.changed().await.unwrap() });
        let faulty = Faulty;
        let near = near(std::future::poll_fn(move |cx| {
            let _stays = &faulty;
            waiting.as_mut().poll(cx)
        }));
        let polls = Arc::clone(&near.0);
        let task = runtime.spawn(near);
        drop(context);
        while !polls.waits() {
            thread::yield_now();
        }
        let published = thread::spawn(move || {
            publishing(|| values.send_replace(1));
            values
        });
        assert!(published.join().is_ok());
        assert!(runtime.block_on(task).unwrap_err().is_panic());
    }

    #[test]
    fn what_is_polled_for_something_else_is_left_alone_until_it_is_woken() {
        let polls = Arc::new(std::sync::atomic::AtomicUsize::new(0));
        let (count, (wake, woken)) = (Arc::clone(&polls), tokio::sync::oneshot::channel::<()>());
        let mut woken = Box::pin(woken);
        let mut future = Box::pin(when_woken(std::future::poll_fn(move |cx| {
            count.fetch_add(1, Ordering::Relaxed);
            woken.as_mut().poll(cx)
        })));
        let mut cx = Context::from_waker(Waker::noop());
        for _ in 0..3 {
            assert!(future.as_mut().poll(&mut cx).is_pending());
        }
        assert_eq!(polls.load(Ordering::Relaxed), 1);
        wake.send(()).unwrap();
        assert!(future.as_mut().poll(&mut cx).is_ready());
    }
}
