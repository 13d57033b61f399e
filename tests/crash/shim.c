/* Faults below one folder: the n-th call that changes a file there is killed, fails, or writes less than it was given.

   Loaded before libc (LD_PRELOAD), so that it sees Python, SQLite and what is written in Rust alike; `shim_arm` says what
   happens, and `shim_count` how many calls there were. It does not see writes through a mapping. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

enum { COUNT, KILL_BEFORE, KILL_AFTER, TORN, ERROR, SHORT };

static char folder[PATH_MAX];
static int mode = -1, at, error_number, is_lasting, kept;
static atomic_int count;

void shim_arm(const char *name, int what, int number, int number_of_error, int lasting, int bytes) {
    snprintf(folder, sizeof folder, "%s", name);
    at = number, error_number = number_of_error, is_lasting = lasting, kept = bytes;
    atomic_store(&count, 0);
    mode = what;
}

int shim_count(void) { return atomic_load(&count); }

static int is_below(const char *path) {
    size_t length = strlen(folder);
    return strncmp(path, folder, length) == 0 && (path[length] == '/' || path[length] == 0);
}

static int fd_is_below(int fd) {
    char link[64], path[PATH_MAX];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t length = readlink(link, path, sizeof path - 1);
    if (length < 0) return 0;
    path[length] = 0;
    return is_below(path);
}

static int path_is_below(int fd, const char *path) {
    if (path[0] == '/') return is_below(path);
    if (fd != AT_FDCWD) return fd_is_below(fd);
    char here[PATH_MAX];
    return getcwd(here, sizeof here) != NULL && is_below(here);
}

static void die(void) {
    kill(getpid(), SIGKILL);
    for (;;) pause();
}

/* Whether this call is struck. */
static int strikes(int is_ours) {
    if (mode < 0 || !is_ours) return 0;
    int number = atomic_fetch_add(&count, 1) + 1;
    return mode != COUNT && (number == at || (is_lasting && number > at));
}

#define REAL(name) static typeof(name) *real; if (!real) real = (typeof(name) *)dlsym(RTLD_NEXT, #name)

#define STRUCK(is_ours, call)                                                      \
    int saved = errno;                                                             \
    int is_struck = strikes(is_ours);                                              \
    errno = saved;                                                                 \
    if (is_struck && mode == ERROR) { errno = error_number; return -1; }           \
    if (is_struck && (mode == KILL_BEFORE || mode == TORN)) die();                 \
    typeof(call) result = call;                                                    \
    if (is_struck && mode == KILL_AFTER) die();                                    \
    return result

#define WRITES(is_ours, size, call, part)                                          \
    int saved = errno;                                                             \
    int is_struck = strikes(is_ours);                                              \
    errno = saved;                                                                 \
    if (is_struck && mode == ERROR) { errno = error_number; return -1; }           \
    if (is_struck && mode == KILL_BEFORE) die();                                   \
    size_t less = (size_t)kept < (size) ? (size_t)kept : (size) / 2;               \
    if (is_struck && mode == SHORT && (size) > 1) { size_t length = less ? less : 1; return part; } \
    if (is_struck && mode == TORN) { size_t length = less; if (length) part; die(); } \
    ssize_t result = call;                                                         \
    if (is_struck && mode == KILL_AFTER) die();                                    \
    return result

ssize_t write(int fd, const void *data, size_t size) {
    REAL(write);
    WRITES(fd_is_below(fd), size, real(fd, data, size), real(fd, data, length));
}
ssize_t pwrite(int fd, const void *data, size_t size, off_t where) {
    REAL(pwrite);
    WRITES(fd_is_below(fd), size, real(fd, data, size, where), real(fd, data, length, where));
}
ssize_t pwrite64(int fd, const void *data, size_t size, off64_t where) {
    REAL(pwrite64);
    WRITES(fd_is_below(fd), size, real(fd, data, size, where), real(fd, data, length, where));
}
int fsync(int fd) { REAL(fsync); STRUCK(fd_is_below(fd), real(fd)); }
int fdatasync(int fd) { REAL(fdatasync); STRUCK(fd_is_below(fd), real(fd)); }
int ftruncate(int fd, off_t size) { REAL(ftruncate); STRUCK(fd_is_below(fd), real(fd, size)); }
int ftruncate64(int fd, off64_t size) { REAL(ftruncate64); STRUCK(fd_is_below(fd), real(fd, size)); }
int fchmod(int fd, mode_t bits) { REAL(fchmod); STRUCK(fd_is_below(fd), real(fd, bits)); }
int rename(const char *a, const char *b) { REAL(rename); STRUCK(path_is_below(AT_FDCWD, b), real(a, b)); }
int renameat(int c, const char *a, int d, const char *b) { REAL(renameat); STRUCK(path_is_below(d, b), real(c, a, d, b)); }
int link(const char *a, const char *b) { REAL(link); STRUCK(path_is_below(AT_FDCWD, b), real(a, b)); }
int linkat(int c, const char *a, int d, const char *b, int f) { REAL(linkat); STRUCK(path_is_below(d, b), real(c, a, d, b, f)); }
int unlink(const char *a) { REAL(unlink); STRUCK(path_is_below(AT_FDCWD, a), real(a)); }
int unlinkat(int d, const char *a, int f) { REAL(unlinkat); STRUCK(path_is_below(d, a), real(d, a, f)); }
int rmdir(const char *a) { REAL(rmdir); STRUCK(path_is_below(AT_FDCWD, a), real(a)); }
int mkdir(const char *a, mode_t bits) { REAL(mkdir); STRUCK(path_is_below(AT_FDCWD, a), real(a, bits)); }
int mkdirat(int d, const char *a, mode_t bits) { REAL(mkdirat); STRUCK(path_is_below(d, a), real(d, a, bits)); }

#define CHANGES(flags) ((flags) & (O_WRONLY | O_RDWR | O_CREAT | O_TRUNC))
#define OPENS(fd, path, flags, call)                                               \
    mode_t bits = 0;                                                               \
    if ((flags) & (O_CREAT | O_TMPFILE)) { va_list rest; va_start(rest, flags); bits = va_arg(rest, mode_t); va_end(rest); } \
    STRUCK(CHANGES(flags) && path_is_below(fd, path), call)

int open(const char *a, int flags, ...) { REAL(open); OPENS(AT_FDCWD, a, flags, real(a, flags, bits)); }
int open64(const char *a, int flags, ...) { REAL(open64); OPENS(AT_FDCWD, a, flags, real(a, flags, bits)); }
int openat(int d, const char *a, int flags, ...) { REAL(openat); OPENS(d, a, flags, real(d, a, flags, bits)); }
int openat64(int d, const char *a, int flags, ...) { REAL(openat64); OPENS(d, a, flags, real(d, a, flags, bits)); }
