/* What every area needs: the error numbers, an errno the verifier can bound, and the kernel functions called. */
#ifndef VS_COMMON_H
#define VS_COMMON_H

#include "types.h"
#include "abi.h"
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

#define EPERM 1
#define ENOENT 2
#define ESRCH 3
#define EIO 5
#define EAGAIN 11
#define ENOMEM 12
#define EACCES 13
#define EBUSY 16
#define EEXIST 17
#define EINVAL 22
#define ENFILE 23
#define ETXTBSY 26
#define ENOSPC 28
#define ENODATA 61
#define EOPNOTSUPP 95
#define ENETUNREACH 101
#define EADDRINUSE 98
#define EADDRNOTAVAIL 99
#define ECONNREFUSED 111
#define EDQUOT 122

#define SOCK_RAW 3

#define CAP_SYS_MODULE 16
#define CAP_SYS_ADMIN 21
#define CAP_SYS_TTY_CONFIG 26
#define CAP_PERFMON 38

#define AF_UNIX 1
#define AF_NETLINK 16

#define S_IFMT 0170000
#define S_IFDIR 0040000
#define S_IFCHR 0020000
#define FMODE_WRITE 0x2

/* Context ids, flags and ceilings live in process.h's task storage; these kernel functions find tasks by number. */
extern struct task_struct *bpf_task_from_pid(int pid) __ksym;
extern void bpf_task_release(struct task_struct *task) __ksym;

/* What is at an address, read by loads: of what is not there they read zeros. */
extern void *bpf_rdonly_cast(const void *at, __u32 type) __ksym;

/* The kernel's own structure behind the one a program is given. */
extern void *bpf_cast_to_kern_ctx(void *ctx) __ksym;

/* clang folds `c ? -EPERM : 0` into `-c`, whose range the verifier cannot bound; LSM results must lie in [-4095, 0]. */
static __always_inline int errno_if(bool failed, int error)
{
	int result = 0;

	if (failed) {
		result = error;
		asm volatile("" : "+r"(result));
	}
	return result;
}

/* Keeps clang from reading two fields of a context as one, or through a computed pointer: the verifier refuses both. */
#define SEPARATE(value) asm volatile("" : "+r"(value))

static __always_inline __u64 joined(__u32 first, __u32 second)
{
	return (__u64)second << 32 | first;
}

#endif
