/*
 * Preloaded into a program (LD_PRELOAD) whose writes to disk are to fail: fault-disk.ts builds it.
 *
 * What changes a file or folder under FAULT_UNDER is counted in FAULT_COUNTER, eight bytes that all processes share. The
 * call whose number is FAULT_AT fails with FAULT_ERRNO, and no other. A write that fails has written half of its bytes.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <unistd.h>

static long *counter = NULL;
static long fault_at = -1;
static int fault_errno = ENOSPC;
static const char *under = NULL;

#define REAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

__attribute__((constructor)) static void begin(void) {
  const char *file = getenv("FAULT_COUNTER");
  under = getenv("FAULT_UNDER");
  if (file == NULL || under == NULL) return;
  if (getenv("FAULT_AT") != NULL) fault_at = atol(getenv("FAULT_AT"));
  if (getenv("FAULT_ERRNO") != NULL) fault_errno = atoi(getenv("FAULT_ERRNO"));
  int fd = REAL(open)(file, O_RDWR);
  if (fd < 0) return;
  void *map = mmap(NULL, sizeof(long), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  close(fd);
  if (map != MAP_FAILED) counter = map;
}

static int fails(void) {
  if (__atomic_add_fetch(counter, 1, __ATOMIC_SEQ_CST) != fault_at) return 0;
  errno = fault_errno;
  return 1;
}

static int is_ours(const char *path) {
  return counter != NULL && path != NULL && strncmp(path, under, strlen(under)) == 0;
}

static int path_fails(const char *path) { return is_ours(path) && fails(); }

/* Sockets, pipes and terminals are no disk. */
static int fd_fails(int fd) {
  char name[64], path[PATH_MAX];
  struct stat facts;
  if (counter == NULL || fstat(fd, &facts) != 0 || !S_ISREG(facts.st_mode)) return 0;
  snprintf(name, sizeof name, "/proc/self/fd/%d", fd);
  ssize_t length = readlink(name, path, sizeof path - 1);
  if (length < 0) return 0;
  path[length] = 0;
  return path_fails(path);
}

static int writes(int flags) { return (flags & (O_CREAT | O_TRUNC | O_WRONLY | O_RDWR)) != 0; }

#define MODE                                  \
  mode_t mode = 0;                            \
  if (flags & (O_CREAT | O_TMPFILE)) {        \
    va_list rest;                             \
    va_start(rest, flags);                    \
    mode = va_arg(rest, mode_t);              \
    va_end(rest);                             \
  }

int open(const char *path, int flags, ...) {
  MODE
  return writes(flags) && path_fails(path) ? -1 : REAL(open)(path, flags, mode);
}
int open64(const char *path, int flags, ...) {
  MODE
  return writes(flags) && path_fails(path) ? -1 : REAL(open64)(path, flags, mode);
}
int openat(int folder, const char *path, int flags, ...) {
  MODE
  return writes(flags) && path_fails(path) ? -1 : REAL(openat)(folder, path, flags, mode);
}
int openat64(int folder, const char *path, int flags, ...) {
  MODE
  return writes(flags) && path_fails(path) ? -1 : REAL(openat64)(folder, path, flags, mode);
}
ssize_t write(int fd, const void *bytes, size_t count) {
  if (!fd_fails(fd)) return REAL(write)(fd, bytes, count);
  if (count > 1) REAL(write)(fd, bytes, count / 2);
  errno = fault_errno;
  return -1;
}
ssize_t pwrite(int fd, const void *bytes, size_t count, off_t at) {
  if (!fd_fails(fd)) return REAL(pwrite)(fd, bytes, count, at);
  if (count > 1) REAL(pwrite)(fd, bytes, count / 2, at);
  errno = fault_errno;
  return -1;
}
ssize_t pwrite64(int fd, const void *bytes, size_t count, off64_t at) {
  if (!fd_fails(fd)) return REAL(pwrite64)(fd, bytes, count, at);
  if (count > 1) REAL(pwrite64)(fd, bytes, count / 2, at);
  errno = fault_errno;
  return -1;
}
ssize_t writev(int fd, const struct iovec *parts, int count) {
  return fd_fails(fd) ? -1 : REAL(writev)(fd, parts, count);
}
ssize_t pwritev(int fd, const struct iovec *parts, int count, off_t at) {
  return fd_fails(fd) ? -1 : REAL(pwritev)(fd, parts, count, at);
}
ssize_t pwritev64(int fd, const struct iovec *parts, int count, off64_t at) {
  return fd_fails(fd) ? -1 : REAL(pwritev64)(fd, parts, count, at);
}
ssize_t copy_file_range(int from, off64_t *from_at, int to, off64_t *to_at, size_t count, unsigned flags) {
  return fd_fails(to) ? -1 : REAL(copy_file_range)(from, from_at, to, to_at, count, flags);
}
int ftruncate(int fd, off_t length) { return fd_fails(fd) ? -1 : REAL(ftruncate)(fd, length); }
int ftruncate64(int fd, off64_t length) { return fd_fails(fd) ? -1 : REAL(ftruncate64)(fd, length); }
int fsync(int fd) { return fd_fails(fd) ? -1 : REAL(fsync)(fd); }
int fdatasync(int fd) { return fd_fails(fd) ? -1 : REAL(fdatasync)(fd); }
int rename(const char *from, const char *to) { return path_fails(to) ? -1 : REAL(rename)(from, to); }
int link(const char *from, const char *to) { return path_fails(to) ? -1 : REAL(link)(from, to); }
int symlink(const char *from, const char *to) { return path_fails(to) ? -1 : REAL(symlink)(from, to); }
int mkdir(const char *path, mode_t mode) { return path_fails(path) ? -1 : REAL(mkdir)(path, mode); }
int chmod(const char *path, mode_t mode) { return path_fails(path) ? -1 : REAL(chmod)(path, mode); }
