/* Copy on write: a server with the flag `cow` that writes to a unified file gets one of its own under the same name.
 *
 * The hook that refuses the write leaves a request in the server's slot, wakes the copier (copy/) and has the system call
 * begin anew; by the time the copier has exchanged the file, the path leads to a file that nobody else has. Nothing is
 * permitted here: a call that begins anew meets the same hooks, so whatever goes wrong, the shared file is not written to.
 *
 * A system call begins anew when it returns -ERESTARTNOINTR with signals to look at and finds none. There are none: SIGSTOP
 * for this thread is taken back by SIGCONT before the thread gets to see it, and SIGCONT is dropped by the kernel unless
 * the program handles or blocks it. Nobody stops, no parent is told, no other thread notices.
 *
 * INVARIANTS
 *  - A slot has one request; only its CAS from FREE or FAILED to FILLING writes to it, and only COPIED ends it.
 *  - At most one entry of a server is in the ring: entries come with requests, and a request ends after its entry is read.
 *  - Without a living copier no request is made and none is waited for. */
#ifndef VS_COPY_H
#define VS_COPY_H

#include "registers.h"
#include "task.h"

#define ERESTARTNOINTR 513
#define SIGCONT 18
#define SIGSTOP 19
/* SIGSTOP, SIGTSTP, SIGTTIN, SIGTTOU */
#define STOP_SIGNALS (0xful << (SIGSTOP - 1))
#define CAP_CHOWN 0
#define CAP_FOWNER 3
#define PF_IO_WORKER 0x00000010
#define PF_USER_WORKER 0x00004000
#define PF_DUMPCORE 0x00000200
#define PF_KTHREAD 0x00200000
/* SIGNAL_STOP_STOPPED, SIGNAL_CLD_STOPPED, SIGNAL_CLD_CONTINUED, SIGNAL_GROUP_EXIT */
#define SIGNAL_CHANGES 0x00000035
/* Nanoseconds that the reason of a failure is kept for the thread that asked. */
#define FAILURE_KEPT 20000000ull
/* How often a thread looks again for a file whose names led elsewhere when the copier followed them. */
#define MOST_LOOKS_AGAIN 3

#define ATTR_SIZE (1 << 3)
#define ATTR_TOUCH (1 << 17)

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, VS_COPY_SERVERS);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, __u32);
	__type(value, struct vs_copy);
} copies SEC(".maps");

struct copy_event {
	__u32 xid;
	__u32 unused;
	__u64 id;
};

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, VS_COPY_RING);
} copy_ring SEC(".maps");

/* Process number and time of start of who copies; 0 for nobody. */
struct copier {
	int pid;
	__u32 unused;
	__u64 started;
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct copier);
} copier SEC(".maps");

static __u64 copy_ids;

static __always_inline struct copier *the_copier(void)
{
	__u32 zero = 0;

	return bpf_map_lookup_elem(&copier, &zero);
}

static __always_inline bool copier_lives(void)
{
	struct copier *known = the_copier();
	struct task_struct *task;
	bool lives;

	if (!known || !known->pid)
		return false;
	task = bpf_task_from_pid(known->pid);
	if (!task)
		return false;
	lives = task->start_boottime == known->started && !(task->flags & PF_EXITING);
	bpf_task_release(task);
	return lives;
}

/* Calls that name the file by a descriptor would come back to the same file; the kernel's own threads, which perform what a
 * ring was asked for or dump a core, have no call to begin anew. Numbers of 32-bit calls are others: those find out from
 * the copier. The number of io_uring_enter is the same. */
static __always_inline bool can_begin_anew(struct task_struct *task)
{
	int number = syscall_number();

	if (task->flags & (PF_IO_WORKER | PF_USER_WORKER | PF_KTHREAD | PF_DUMPCORE | PF_EXITING))
		return false;
	if (number == __NR_io_uring_enter)
		return false;
	if (is_32bit_call())
		return true;
	return number != __NR_fchmod && number != __NR_fchown && number != __NR_fsetxattr && number != __NR_fremovexattr;
}

/* SIGCONT would take back a stop that somebody else has asked for. */
static __always_inline bool is_being_stopped(struct task_struct *task)
{
	unsigned long waiting = BPF_CORE_READ(task, pending.signal.sig[0]) |
				BPF_CORE_READ(task, signal, shared_pending.signal.sig[0]);

	return waiting & STOP_SIGNALS || BPF_CORE_READ(task, signal, group_stop_count) ||
	       BPF_CORE_READ(task, signal, flags) & SIGNAL_CHANGES;
}

static __always_inline int begin_anew(struct task_struct *task)
{
	if (is_being_stopped(task) || bpf_send_signal_thread(SIGSTOP))
		return errno_if(true, -EPERM);
	bpf_send_signal_thread(SIGCONT);
	return errno_if(true, -ERESTARTNOINTR);
}

struct climb {
	struct dentry *at;
	__u32 xid;
	__u32 depth;
};

static long note_name(__u32 index, struct climb *climb)
{
	struct vs_copy *slot = bpf_map_lookup_elem(&copies, &climb->xid);
	struct dentry *at = climb->at;

	if (!slot || index >= VS_COPY_DEPTH)
		return 1;
	slot->inodes[index] = BPF_CORE_READ(at, d_inode, i_ino);
	bpf_probe_read_kernel_str(slot->names + index * VS_COPY_NAME, VS_COPY_NAME, BPF_CORE_READ(at, d_name.name));
	climb->depth = index + 1;
	climb->at = BPF_CORE_READ(at, d_parent);
	return climb->at == at;
}

static __always_inline int make_request(struct task_struct *task, struct vs_copy *slot, struct dentry *dentry, __u32 xid)
{
	struct climb climb = { .at = dentry, .xid = xid };
	struct copy_event event = { .xid = xid };

	slot->asker = bpf_get_current_pid_tgid();
	slot->user = BPF_CORE_READ(task, cred, fsuid.val);
	slot->id = event.id = __sync_fetch_and_add(&copy_ids, 1) + 1;
	bpf_loop(VS_COPY_DEPTH, note_name, &climb, 0);
	slot->depth = climb.depth;
	__sync_val_compare_and_swap(&slot->state, VS_COPY_FILLING, VS_COPY_ASKED);
	if (!bpf_ringbuf_output(&copy_ring, &event, sizeof(event), 0))
		return 0;
	__sync_val_compare_and_swap(&slot->state, VS_COPY_ASKED, VS_COPY_FREE);
	return -EPERM;
}

static __always_inline int failure(int error)
{
	switch (error) {
	case ENOSPC:
		return errno_if(true, -ENOSPC);
	case EDQUOT:
		return errno_if(true, -EDQUOT);
	case EIO:
		return errno_if(true, -EIO);
	}
	return errno_if(true, -EPERM);
}

/* Whoever found the file just before its name was given to the copy, or to something else, finds that when it looks again. A
 * path that leads to this file whatever the names are, as /proc/self/fd does, leads there for ever. */
static __always_inline bool may_look_again(struct task_struct *task, __u64 inode)
{
	struct membership *member = membership_of(task);

	if (!member)
		return false;
	if (member->looked_for != inode) {
		member->looked_for = inode;
		member->looks = 0;
	}
	if (member->looks++ < MOST_LOOKS_AGAIN)
		return true;
	member->looks = 0;
	return false;
}

/* The answer to a write that is refused: the call begins anew, or why there is no copy. */
static __always_inline int ask_for_copy(struct dentry *dentry)
{
	struct task_struct *task = bpf_get_current_task_btf();
	__u32 xid = own_xid(), state;
	struct vs_copy *slot = bpf_map_lookup_elem(&copies, &xid);
	__u64 inode = BPF_CORE_READ(dentry, d_inode, i_ino);
	int error;

	if (!slot || !can_begin_anew(task) || BPF_CORE_READ(dentry, d_sb, s_user_ns, level) != 0 || !copier_lives())
		return errno_if(true, -EPERM);
	state = *(volatile __u32 *)&slot->state;
	if (state == VS_COPY_FAILED) {
		bool ours = slot->asker == bpf_get_current_pid_tgid() && slot->inodes[0] == inode;

		error = slot->error;
		if (!ours && bpf_ktime_get_boot_ns() - slot->failed < FAILURE_KEPT)
			return begin_anew(task);
		if (__sync_val_compare_and_swap(&slot->state, state, ours ? VS_COPY_FREE : VS_COPY_FILLING) != state)
			return begin_anew(task);
		if (ours)
			return error == ENOENT && may_look_again(task, inode) ? begin_anew(task) : failure(error);
	} else if (state != VS_COPY_FREE ||
		   __sync_val_compare_and_swap(&slot->state, VS_COPY_FREE, VS_COPY_FILLING) != VS_COPY_FREE) {
		return begin_anew(task);
	}
	if (make_request(task, slot, dentry, xid))
		return errno_if(true, -EPERM);
	return begin_anew(task);
}

/* Whether the caller is one that the kernel would let change the mode, owner, attributes or lists of the file: hooks are asked
 * before that is found out, and a copy costs the server's disk. */
static __always_inline bool may_own(struct inode *inode)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct membership *member = membership_of(task);
	__u64 usable = BPF_CORE_READ(task, cred, cap_effective.val) & (member ? member->ceiling : ~0ull);

	if (BPF_CORE_READ(task, cred, fsuid.val) == BPF_CORE_READ(inode, i_uid.val))
		return true;
	return usable & (1ull << CAP_FOWNER | 1ull << CAP_CHOWN) && BPF_CORE_READ(task, cred, user_ns, level) == 0;
}

static __always_inline int op_copier(struct task_struct *task, bool resigns)
{
	struct copier *known = the_copier();

	if (!known)
		return -EINVAL;
	if (copier_lives() && known->pid != task->tgid)
		return -EBUSY;
	if (resigns) {
		known->pid = 0;
		return 0;
	}
	known->started = BPF_CORE_READ(task, group_leader, start_boottime);
	known->pid = task->tgid;
	return 0;
}

static __always_inline int op_copied(struct vs_call *call)
{
	__u32 xid = call->xid;
	struct vs_copy *slot = bpf_map_lookup_elem(&copies, &xid);

	if (!slot || *(volatile __u32 *)&slot->state != VS_COPY_ASKED || slot->id != call->ceiling)
		return -ESRCH;
	slot->error = call->flags;
	slot->failed = bpf_ktime_get_boot_ns();
	__sync_val_compare_and_swap(&slot->state, VS_COPY_ASKED, call->flags ? VS_COPY_FAILED : VS_COPY_FREE);
	return 0;
}

#endif
