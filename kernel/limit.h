/* Limits of a whole context that no control group knows: its best priority, and its open files.
 *
 * Enforced: no task of a context with a least nice level gets a better one (setpriority, the autogroup aside, which counts
 * for nothing in a control group), a better I/O priority, or a resource limit that would let it (sched_set* ask those, as
 * CAP_SYS_NICE is withheld); files beyond the limit are not opened (ENFILE). A file counts for the context that opened
 * it until its last descriptor, mapping and message in flight is gone, whoever has them: dup and fork add nothing.
 * The two file programs are attached when the first such limit is set; on a machine without one they cost nothing.
 * Not covered: files a context had open before its limit was set. Where file_alloc_security cannot be used (7.x),
 * security_file_alloc itself is: a program of that kind is left out when its task was put off the processor by another
 * one in the very midst of it, and that file then counts for nobody. Never does one stay counted that is gone.
 *
 * INVARIANTS
 *  - `usages[x].files` is the number of entries of `file_owners` with that context and its present generation.
 *  - An entry is made before the file exists for anybody, and is deleted before its memory can be used again; one that could
 *    not be is deleted before another file at its address is counted. */
#ifndef VS_LIMIT_H
#define VS_LIMIT_H

#include "reserve.h"
#include "task.h"

#define RLIMIT_NICE 13
#define RLIMIT_RTPRIO 14
#define IOPRIO_CLASS(value) ((value) >> 13)
#define IOPRIO_LEVEL(value) ((value) & 7)
#define IOPRIO_CLASS_RT 1
#define IOPRIO_CLASS_BE 2

/* Written by the tools alone. */
struct limit {
	__u64 generation; /* another one whenever a server is set up */
	__u64 files; /* 0: they are not counted */
	__s32 least_nice;
	__u32 fixed_project;
};

/* Made by the tools, counted by the kernel. */
struct usage {
	__u64 generation;
	__u64 files;
	__u64 files_refused;
};

#define LIMIT_AT(type, field, offset) _Static_assert(__builtin_offsetof(struct type, field) == offset, #field)
LIMIT_AT(limit, generation, VS_LIMIT_GENERATION);
LIMIT_AT(limit, files, VS_LIMIT_FILES);
LIMIT_AT(limit, least_nice, VS_LIMIT_LEAST_NICE);
LIMIT_AT(limit, fixed_project, VS_LIMIT_FIXED_PROJECT);
_Static_assert(sizeof(struct limit) == VS_LIMIT_SIZE, "size");
LIMIT_AT(usage, generation, VS_USAGE_GENERATION);
LIMIT_AT(usage, files, VS_USAGE_FILES);
LIMIT_AT(usage, files_refused, VS_USAGE_FILES_REFUSED);
_Static_assert(sizeof(struct usage) == VS_USAGE_SIZE, "size");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 4096);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, __u32);
	__type(value, struct limit);
} limits SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 4096);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, __u32);
	__type(value, struct usage);
} usages SEC(".maps");

struct file_owner {
	__u64 generation;
	__u32 xid;
	__u32 requests; /* of asynchronous I/O that it stands for */
};

/* By the address of the file. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, VS_MOST_COUNTED_FILES);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, __u64);
	__type(value, struct file_owner);
} file_owners SEC(".maps");

static __always_inline struct limit *limit_of(__u32 xid)
{
	return xid == VS_HOST ? 0 : bpf_map_lookup_elem(&limits, &xid);
}

static __always_inline int check_nice(struct task_struct *target, int nice)
{
	struct limit *limit = limit_of(xid_of(target));

	return errno_if(limit && nice < limit->least_nice, -EACCES);
}

/* As the kernel derives a level of I/O from one of nice. */
static __always_inline int check_ioprio(struct task_struct *target, int ioprio)
{
	struct limit *limit = limit_of(xid_of(target));
	int class = IOPRIO_CLASS(ioprio);

	if (!limit || limit->least_nice == VS_NO_LEAST_NICE)
		return 0;
	return errno_if(class == IOPRIO_CLASS_RT ||
				(class == IOPRIO_CLASS_BE && IOPRIO_LEVEL(ioprio) < (__u32)(limit->least_nice + 20) / 5),
			-EPERM);
}

static __always_inline int check_rlimit(struct task_struct *target, unsigned int resource, struct rlimit *wanted)
{
	struct limit *limit;
	__u64 most;

	if (resource != RLIMIT_NICE && resource != RLIMIT_RTPRIO)
		return 0;
	limit = limit_of(xid_of(target));
	if (!limit || limit->least_nice == VS_NO_LEAST_NICE)
		return 0;
	most = resource == RLIMIT_NICE ? 20 - limit->least_nice : 0;
	return errno_if(wanted->rlim_cur > most || wanted->rlim_max > most, -EPERM);
}

/* Takes back what was counted for the file at this address, if anything was. Deleting can fail (EBUSY): then the entry
 * stays, and what it counts as well, until the address is that of another file. */
static __always_inline void forget_file(__u64 key)
{
	struct file_owner *found = bpf_map_lookup_elem(&file_owners, &key);
	struct file_owner owner;
	struct usage *usage;

	if (!found)
		return;
	owner = *found;
	if (bpf_map_delete_elem(&file_owners, &key))
		return;
	usage = bpf_map_lookup_elem(&usages, &owner.xid);
	if (usage && usage->generation == owner.generation)
		__sync_fetch_and_sub(&usage->files, 1);
	give_requests_back(owner.requests);
}

static __always_inline int count_file(struct file *file)
{
	struct membership *member = own_membership();
	struct file_owner owner = {};
	__u64 key = (__u64)file;
	struct limit *limit;
	struct usage *usage;
	int error;

	limit = member ? limit_of(member->xid) : 0;
	if (!limit || !limit->files)
		return 0;
	forget_file(key);
	owner.xid = member->xid;
	owner.generation = limit->generation;
	owner.requests = requests_of_call();
	usage = bpf_map_lookup_elem(&usages, &owner.xid);
	if (!usage)
		return -ENFILE;
	error = check_instance();
	if (!error)
		error = take_requests(owner.requests);
	if (error)
		return error;
	if (__sync_fetch_and_add(&usage->files, 1) < limit->files &&
	    !bpf_map_update_elem(&file_owners, &key, &owner, BPF_NOEXIST))
		return 0;
	give_requests_back(owner.requests);
	__sync_fetch_and_sub(&usage->files, 1);
	__sync_fetch_and_add(&usage->files_refused, 1);
	return -ENFILE;
}

SEC("?lsm/file_alloc_security")
int BPF_PROG(vs_file_alloc, struct file *file)
{
	return count_file(file);
}

/* Newer kernels let no LSM program in there, because an LSM that fails late would leave its own data behind: this one
 * comes before all of them. */
SEC("?fmod_ret/security_file_alloc")
int BPF_PROG(vs_file_alloc_first, struct file *file)
{
	return count_file(file);
}

SEC("lsm/file_free_security")
int BPF_PROG(vs_file_free, struct file *file)
{
	forget_file((__u64)file);
	return 0;
}

#endif
