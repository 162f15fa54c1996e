/* Pools of the whole machine that no control group knows: their last quarter is the main server's.
 *
 * Enforced outside context 0, by what the kernel itself counts: keys and their bytes of a user id, inotify watches and
 * fanotify marks of a user id. For contexts whose open files are counted (limit.h) also what is a file: inotify instances and
 * fanotify groups of a user id, and requests of asynchronous I/O, which are counted here, for all contexts together.
 * A user id has one count on the whole machine, and so has root of every server with the main server's: what one server
 * has taken of it another one does not get.
 * Not covered: a thread that puts another descriptor in the place of the one a call was given, while that call looks for
 * its path, has the watch held against the wrong user id. The payload of a key is only counted once it is there. */
#ifndef VS_RESERVE_H
#define VS_RESERVE_H

#include "registers.h"

/* Deep enough for any user namespace. */
#define MOST_NESTED_USERS 33

extern const void key_quota_maxbytes __ksym __weak;
extern const void key_quota_maxkeys __ksym __weak;
extern const void key_quota_root_maxbytes __ksym __weak;
extern const void key_quota_root_maxkeys __ksym __weak;
extern const void aio_max_nr __ksym __weak;

static __always_inline bool is_reserved(__u64 used, __u64 most)
{
	return used > most - most / 4;
}

static __always_inline __u32 setting(const void *variable)
{
	__u32 value = 0;

	bpf_probe_read_kernel(&value, sizeof(value), variable);
	return value;
}

/* Whether the user id a key counts for has had the servers' part, the key itself included. */
static __always_inline bool is_reserved_key(struct key *key)
{
	struct key_user *user = BPF_CORE_READ(key, user);
	bool root = BPF_CORE_READ(user, uid.val) == 0;
	const void *keys = root ? &key_quota_root_maxkeys : &key_quota_maxkeys;
	const void *bytes = root ? &key_quota_root_maxbytes : &key_quota_maxbytes;

	if (!keys || !bytes)
		return false;
	return is_reserved(BPF_CORE_READ(user, qnkeys), setting(keys)) ||
	       is_reserved(BPF_CORE_READ(user, qnbytes), setting(bytes));
}

/* Whether the user id in the first user namespace that these counts are charged to has had the servers' part, with so
 * many more. */
static __always_inline bool is_reserved_count(struct ucounts *counts, __u32 kind, __u32 more)
{
	struct user_namespace *ns;
	__u64 used = 0, most = 0;

	for (int depth = 0; counts && depth < MOST_NESTED_USERS; depth++) {
		ns = BPF_CORE_READ(counts, ns);
		if (BPF_CORE_READ(ns, level) == 0) {
			bpf_probe_read_kernel(&used, sizeof(used),
					      (void *)counts + bpf_core_field_offset(struct ucounts, ucount) + kind * 8);
			bpf_probe_read_kernel(&most, sizeof(most),
					      (void *)ns + bpf_core_field_offset(struct user_namespace, ucount_max) +
						      kind * 8);
			return is_reserved(used + more, most);
		}
		counts = BPF_CORE_READ(ns, ucounts);
	}
	return false;
}

#define COUNT_OF(name) bpf_core_enum_value(enum ucount_type, name)

static __always_inline struct fsnotify_group *group_of_call(void)
{
	struct fdtable *table = BPF_CORE_READ(bpf_get_current_task_btf(), files, fdt);
	__u32 number = (__u32)syscall_argument(FIRST_ARGUMENT);
	struct file **place = BPF_CORE_READ(table, fd), *file = 0;

	if (number < BPF_CORE_READ(table, max_fds))
		bpf_probe_read_kernel(&file, sizeof(file), place + number);
	return file ? BPF_CORE_READ(file, private_data) : 0;
}

/* A call by its numbers: what 64-bit and 32-bit programs ask by. */
static __always_inline bool is_call(int number, int number_32bit)
{
	return syscall_number() == (is_32bit_call() ? number_32bit : number);
}

#if defined(__TARGET_ARCH_x86)
#define CALL_32BIT(x86, arm) x86
#else
#define CALL_32BIT(x86, arm) arm
#endif
#define IS_CALL(name, x86, arm) is_call(__NR_##name, CALL_32BIT(x86, arm))

/* For path_notify: one more watch or mark. */
static __always_inline int check_watch(void)
{
	if (IS_CALL(inotify_add_watch, 292, 317))
		return errno_if(is_reserved_count(BPF_CORE_READ(group_of_call(), inotify_data.ucounts),
						  COUNT_OF(UCOUNT_INOTIFY_WATCHES), 1),
				-ENOSPC);
	/* The third that comes here, fcntl(F_NOTIFY), counts for nobody. */
	if (IS_CALL(fanotify_mark, 339, 368))
		return errno_if(is_reserved_count(BPF_CORE_READ(group_of_call(), fanotify_data.ucounts),
						  COUNT_OF(UCOUNT_FANOTIFY_MARKS), 1),
				-ENOSPC);
	return 0;
}

/* For a file that is being made: whether it is one more instance of inotify or group of fanotify, already counted. */
static __always_inline int check_instance(void)
{
	struct ucounts *counts = BPF_CORE_READ(bpf_get_current_task_btf(), cred, ucounts);

#if defined(__TARGET_ARCH_x86)
	if (is_call(__NR_inotify_init, 291))
		return errno_if(is_reserved_count(counts, COUNT_OF(UCOUNT_INOTIFY_INSTANCES), 0), -ENFILE);
#endif
	if (IS_CALL(inotify_init1, 332, 360))
		return errno_if(is_reserved_count(counts, COUNT_OF(UCOUNT_INOTIFY_INSTANCES), 0), -ENFILE);
	if (IS_CALL(fanotify_init, 338, 367))
		return errno_if(is_reserved_count(counts, COUNT_OF(UCOUNT_FANOTIFY_GROUPS), 0), -ENFILE);
	return 0;
}

/* Requests that all contexts with counted files have asked for, and may yet hand in. */
static __u64 servers_aio;

/* Requests the file being made stands for: the ring of io_setup(2). */
static __always_inline __u32 requests_of_call(void)
{
	return IS_CALL(io_setup, 245, 243) ? (__u32)syscall_argument(FIRST_ARGUMENT) : 0;
}

/* Takes them, or says that there are not enough left; to the caller io_setup(2) says ENOMEM whatever the error is. */
static __always_inline int take_requests(__u32 number)
{
	if (!number || !&aio_max_nr)
		return 0;
	if (!is_reserved(__sync_fetch_and_add(&servers_aio, number) + number, setting(&aio_max_nr)))
		return 0;
	__sync_fetch_and_sub(&servers_aio, number);
	return -ENOMEM;
}

static __always_inline void give_requests_back(__u32 number)
{
	if (number)
		__sync_fetch_and_sub(&servers_aio, number);
}

#endif
