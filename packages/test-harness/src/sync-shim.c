/*
 * Loaded with LD_PRELOAD, it keeps a journal of what a process writes to the regular files below $SHIM_ROOT, what
 * of that it makes durable, and what it answers over its sockets, all in one order. A power cut at any place of the
 * journal can be made from it: see journal.ts, which reads it.
 *
 * Each record: u32 kind, u32 length, u64 number, u64 inode, u64 argument, and `length` bytes.
 *   W  bytes are written to a file at offset `argument`; recorded before the call
 *   D  record `argument`, a W to a file opened with O_DSYNC or O_SYNC, is durable; recorded after the call
 *   S  all W records of the inode with a number below `argument` are durable; recorded after fsync or fdatasync
 *   T  the file is cut or extended to `argument` bytes
 *   A  bytes go out by a socket; recorded before the call
 *
 * With SHIM_SYNC=lie every sync does nothing and reports success, and O_DSYNC means nothing: no D, no S.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

static ssize_t (*real_write)(int, const void *, size_t);
static ssize_t (*real_writev)(int, const struct iovec *, int);
static ssize_t (*real_pwrite)(int, const void *, size_t, off_t);
static int (*real_fsync)(int);
static int (*real_fdatasync)(int);
static int (*real_ftruncate)(int, off_t);

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static int journal = -1;
static uint64_t count;
static char root[PATH_MAX];
static size_t root_length;
static int lies;

__attribute__((constructor)) static void start(void) {
  real_write = dlsym(RTLD_NEXT, "write");
  real_writev = dlsym(RTLD_NEXT, "writev");
  real_pwrite = dlsym(RTLD_NEXT, "pwrite64");
  real_fsync = dlsym(RTLD_NEXT, "fsync");
  real_fdatasync = dlsym(RTLD_NEXT, "fdatasync");
  real_ftruncate = dlsym(RTLD_NEXT, "ftruncate64");
  const char *path = getenv("SHIM_JOURNAL"), *below = getenv("SHIM_ROOT"), *sync = getenv("SHIM_SYNC");
  if (!path || !below || !realpath(below, root)) return;
  root_length = strlen(root);
  lies = sync && strcmp(sync, "lie") == 0;
  journal = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
}

enum thing { NOTHING, FILE_BELOW, SOCKET };

static enum thing look(int fd, struct stat *status) {
  if (journal < 0 || fd == journal || fstat(fd, status) != 0) return NOTHING;
  if (S_ISSOCK(status->st_mode)) return SOCKET;
  if (!S_ISREG(status->st_mode)) return NOTHING;
  char link[64], path[PATH_MAX];
  snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
  ssize_t length = readlink(link, path, sizeof path);
  int is_below = length > (ssize_t)root_length && memcmp(path, root, root_length) == 0 && path[root_length] == '/';
  return is_below ? FILE_BELOW : NOTHING;
}

/* A journal with a gap would prove nothing. */
static void put(const void *bytes, size_t length) {
  while (length > 0) {
    ssize_t wrote = real_write(journal, bytes, length);
    if (wrote <= 0) abort();
    bytes = (const char *)bytes + wrote;
    length -= (size_t)wrote;
  }
}

static uint64_t record(char kind, ino_t inode, uint64_t argument, const struct iovec *parts, int part_count) {
  size_t length = 0;
  for (int i = 0; i < part_count; i++) length += parts[i].iov_len;
  pthread_mutex_lock(&lock);
  uint64_t number = count++;
  struct {
    uint32_t kind, length;
    uint64_t number, inode, argument;
  } head = {(uint32_t)kind, (uint32_t)length, number, inode, argument};
  put(&head, sizeof head);
  for (int i = 0; i < part_count; i++) put(parts[i].iov_base, parts[i].iov_len);
  pthread_mutex_unlock(&lock);
  return number;
}

static ssize_t write_parts(int fd, const struct iovec *parts, int part_count, off_t offset, int is_positioned) {
  struct stat status;
  enum thing thing = look(fd, &status);
  uint64_t number = 0;
  int is_synced = 0;
  if (thing == SOCKET) record('A', status.st_ino, 0, parts, part_count);
  if (thing == FILE_BELOW) {
    int flags = fcntl(fd, F_GETFL);
    is_synced = !lies && (flags & (O_DSYNC | O_SYNC)) != 0;
    off_t at = is_positioned ? offset : (flags & O_APPEND) ? status.st_size : lseek(fd, 0, SEEK_CUR);
    number = record('W', status.st_ino, (uint64_t)at, parts, part_count);
  }
  ssize_t wrote = is_positioned   ? real_pwrite(fd, parts->iov_base, parts->iov_len, offset)
                  : part_count == 1 ? real_write(fd, parts->iov_base, parts->iov_len)
                                    : real_writev(fd, parts, part_count);
  if (is_synced && wrote >= 0) record('D', status.st_ino, number, NULL, 0);
  return wrote;
}

ssize_t write(int fd, const void *bytes, size_t length) {
  struct iovec part = {(void *)bytes, length};
  return write_parts(fd, &part, 1, 0, 0);
}

ssize_t writev(int fd, const struct iovec *parts, int part_count) {
  return write_parts(fd, parts, part_count, 0, 0);
}

ssize_t pwrite64(int fd, const void *bytes, size_t length, off_t offset) {
  struct iovec part = {(void *)bytes, length};
  return write_parts(fd, &part, 1, offset, 1);
}

ssize_t pwrite(int fd, const void *bytes, size_t length, off_t offset) {
  return pwrite64(fd, bytes, length, offset);
}

static int synced(int fd, int (*sync)(int)) {
  struct stat status;
  if (look(fd, &status) != FILE_BELOW) return sync(fd);
  if (lies) return 0;
  uint64_t before = __atomic_load_n(&count, __ATOMIC_SEQ_CST);
  int result = sync(fd);
  if (result == 0) record('S', status.st_ino, before, NULL, 0);
  return result;
}

int fsync(int fd) { return synced(fd, real_fsync); }
int fdatasync(int fd) { return synced(fd, real_fdatasync); }

int ftruncate64(int fd, off_t length) {
  struct stat status;
  if (look(fd, &status) == FILE_BELOW) record('T', status.st_ino, (uint64_t)length, NULL, 0);
  return real_ftruncate(fd, length);
}

int ftruncate(int fd, off_t length) { return ftruncate64(fd, length); }
