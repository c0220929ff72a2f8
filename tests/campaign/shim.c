/* Stands before the system's calls on files below FAULT_ROOT and makes the FAULT_AT-th of the kind FAULT_CALL fail as FAULT_HOW
   says: eio, enospc, or short (half of the bytes; with FAULT_AT -1, every time). Their number goes to FAULT_COUNT at the end.
   What is written to those files, and under which names they are made, goes to the file FAULT_KEEP, too, and so does "socket"
   for each that is opened. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#define FDS 4096
static _Atomic char watched[FDS];
static _Atomic long calls;
static const char *root, *call, *how, *count, *keep;
static long at;

__attribute__((constructor)) static void begin(void) {
    root = getenv("FAULT_ROOT"), call = getenv("FAULT_CALL"), how = getenv("FAULT_HOW"), count = getenv("FAULT_COUNT");
    at = getenv("FAULT_AT") ? atol(getenv("FAULT_AT")) : -2, keep = getenv("FAULT_KEEP");
}

__attribute__((destructor)) static void end(void) {
    FILE *file = count ? fopen(count, "w") : NULL;
    if (file) fprintf(file, "%ld\n", calls), fclose(file);
}

#define REAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

static int below(const char *path) { return root && path && !strncmp(path, root, strlen(root)); }
static int watches(int fd) { return fd >= 0 && fd < FDS && watched[fd]; }

static void kept(const void *from, size_t length) {
    static _Atomic int to = -1;
    if (keep && to < 0) to = REAL(open)(keep, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
    if (keep && REAL(write)(to, from, length) != (ssize_t)length) abort();
}

/* Whether this call fails; a short one does not fail. */
static int struck(const char *kind, int is_short) {
    if (!call || strcmp(call, kind)) return 0;
    long now = calls++;
    if (at != -1 && now != at) return 0;
    if (!strcmp(how, "short")) return is_short;
    if (is_short) return 0;
    errno = strcmp(how, "enospc") ? EIO : ENOSPC;
    return 1;
}

static int opened(int fd, const char *path) {
    if (fd >= 0 && fd < FDS) watched[fd] = below(path);
    return fd;
}

#define OPEN(name)                                                                                                             \
    int name(const char *path, int flags, ...) {                                                                               \
        va_list rest;                                                                                                          \
        va_start(rest, flags);                                                                                                 \
        mode_t mode = va_arg(rest, mode_t);                                                                                    \
        va_end(rest);                                                                                                          \
        if (below(path) && struck("open", 0)) return -1;                                                                       \
        if (below(path) && flags & O_CREAT) kept(path, strlen(path));                                                          \
        return opened(REAL(name)(path, flags, mode), path);                                                                    \
    }
OPEN(open)
OPEN(open64)

/* A call that takes fewer bytes when it is struck short: counted once, whatever comes of it. */
#define TRANSFER(kind, fd, length, ...)                                                                                        \
    if (watches(fd)) {                                                                                                         \
        int is_short = how && !strcmp(how, "short") && (length) > 1;                                                           \
        if (struck(kind, is_short)) {                                                                                          \
            if (!is_short) return -1;                                                                                          \
            length /= 2;                                                                                                       \
        }                                                                                                                      \
    }                                                                                                                          \
    return __VA_ARGS__

ssize_t read(int fd, void *to, size_t length) { TRANSFER("read", fd, length, REAL(read)(fd, to, length)); }
ssize_t pread64(int fd, void *to, size_t length, off64_t from) {
    TRANSFER("read", fd, length, REAL(pread64)(fd, to, length, from));
}
ssize_t write(int fd, const void *from, size_t length) {
    if (watches(fd)) kept(from, length);
    TRANSFER("write", fd, length, REAL(write)(fd, from, length));
}
ssize_t pwrite64(int fd, const void *from, size_t length, off64_t to) {
    if (watches(fd)) kept(from, length);
    TRANSFER("write", fd, length, REAL(pwrite64)(fd, from, length, to));
}
ssize_t writev(int fd, const struct iovec *parts, int length) {
    for (int part = 0; watches(fd) && part < length; part++) kept(parts[part].iov_base, parts[part].iov_len);
    TRANSFER("write", fd, length, REAL(writev)(fd, parts, length));
}
int socket(int domain, int type, int protocol) {
    kept("socket", 6);
    return REAL(socket)(domain, type, protocol);
}
int fsync(int fd) { return watches(fd) && struck("fsync", 0) ? -1 : REAL(fsync)(fd); }
int ftruncate64(int fd, off64_t length) { return watches(fd) && struck("write", 0) ? -1 : REAL(ftruncate64)(fd, length); }
int rename(const char *from, const char *to) {
    if (below(to)) kept(to, strlen(to));
    return below(to) && struck("rename", 0) ? -1 : REAL(rename)(from, to);
}
int mkdir(const char *path, mode_t mode) { return below(path) && struck("open", 0) ? -1 : REAL(mkdir)(path, mode); }
int unlink(const char *path) { return below(path) && struck("rename", 0) ? -1 : REAL(unlink)(path); }
int close(int fd) {
    if (fd >= 0 && fd < FDS) watched[fd] = 0;
    return REAL(close)(fd);
}
