/*
 * Waiting as the C library does it, past libfaketime; comes before it in LD_PRELOAD.
 *
 * While a program waits in one of these functions, libfaketime shows it the true time, also to a signal handler that
 * runs meanwhile. PostgreSQL's handler then finds that no timeout is due: with libfaketime alone, statement and lock
 * timeouts do not fire and deadlocks last for ever. libfaketime 0.9.10 moreover refuses sleep in Python 3.11 and newer,
 * and makes Chromium wait many times too long. A relative time is the same at any clock, and CLOCK_MONOTONIC is not
 * faked, so there is nothing for it to do here.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/select.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define NANOSECONDS 1000000000L
/* No machine has been up for so many seconds: a later time is one of the calendar. */
#define LATEST_MONOTONIC 1000000000L

static void *in_libc(const char *name)
{
    return dlsym(dlopen("libc.so.6", RTLD_LAZY), name);
}

#define LIBC(name) \
    ({ \
        static __typeof__(&name) found; \
        if (!found) \
            found = in_libc(#name); \
        found; \
    })

/* The moment that the faked clock calls `faked`, as the kernel calls it. */
static struct timespec as_the_kernel_has_it(const struct timespec *faked)
{
    struct timespec here, there, moment = *faked;

    if (faked->tv_sec < LATEST_MONOTONIC)
        return moment;
    clock_gettime(CLOCK_REALTIME, &here);
    syscall(SYS_clock_gettime, CLOCK_REALTIME, &there);
    moment.tv_sec -= here.tv_sec - there.tv_sec;
    moment.tv_nsec -= here.tv_nsec - there.tv_nsec;
    if (moment.tv_nsec < 0) {
        moment.tv_nsec += NANOSECONDS;
        moment.tv_sec -= 1;
    } else if (moment.tv_nsec >= NANOSECONDS) {
        moment.tv_nsec -= NANOSECONDS;
        moment.tv_sec += 1;
    }
    return moment;
}

int epoll_wait(int fd, struct epoll_event *events, int size, int timeout)
{
    return LIBC(epoll_wait)(fd, events, size, timeout);
}

int epoll_pwait(int fd, struct epoll_event *events, int size, int timeout, const sigset_t *mask)
{
    return LIBC(epoll_pwait)(fd, events, size, timeout, mask);
}

int poll(struct pollfd *fds, nfds_t size, int timeout)
{
    return LIBC(poll)(fds, size, timeout);
}

int ppoll(struct pollfd *fds, nfds_t size, const struct timespec *timeout, const sigset_t *mask)
{
    return LIBC(ppoll)(fds, size, timeout, mask);
}

int select(int size, fd_set *in, fd_set *out, fd_set *odd, struct timeval *timeout)
{
    return LIBC(select)(size, in, out, odd, timeout);
}

int pselect(int size, fd_set *in, fd_set *out, fd_set *odd, const struct timespec *timeout, const sigset_t *mask)
{
    return LIBC(pselect)(size, in, out, odd, timeout, mask);
}

unsigned int sleep(unsigned int seconds)
{
    return LIBC(sleep)(seconds);
}

int usleep(useconds_t microseconds)
{
    return LIBC(usleep)(microseconds);
}

int nanosleep(const struct timespec *time, struct timespec *left)
{
    return LIBC(nanosleep)(time, left);
}

int clock_nanosleep(clockid_t clock, int flags, const struct timespec *time, struct timespec *left)
{
    struct timespec moment = *time;

    if (clock == CLOCK_REALTIME && (flags & TIMER_ABSTIME))
        moment = as_the_kernel_has_it(time);
    return LIBC(clock_nanosleep)(clock, flags, &moment, left);
}

int pthread_cond_init(pthread_cond_t *condition, const pthread_condattr_t *attributes)
{
    return LIBC(pthread_cond_init)(condition, attributes);
}

int pthread_cond_destroy(pthread_cond_t *condition)
{
    return LIBC(pthread_cond_destroy)(condition);
}

int pthread_cond_timedwait(pthread_cond_t *condition, pthread_mutex_t *mutex, const struct timespec *until)
{
    struct timespec moment = as_the_kernel_has_it(until);

    return LIBC(pthread_cond_timedwait)(condition, mutex, &moment);
}
