/* Interaction between tasks of different contexts: refused in both directions, for root of context 0 too.
 *
 * Enforced: signals, tracing and everything that passes ptrace_may_access (process_vm_*, process_madvise, pidfd_getfd,
 * kcmp, core scheduling, /proc/PID/mem …), nice, I/O priority, scheduler, affinity, resource limits, process groups,
 * sessions, pages. Context 1 may look (/proc, get* calls) and touch nothing. Within a context nobody traces who may more.
 * Not covered, for want of a hook: getpriority, CPU clocks of other tasks, and that kill() says EPERM, not ESRCH. */
#ifndef VS_PROCESS_H
#define VS_PROCESS_H

#include "limit.h"
#include "registers.h"

#define PTRACE_MODE_ATTACH 0x02
#define PTRACE_MODE_FSCREDS 0x08
#define INIT_PID 1

static __always_inline bool may_see(__u32 mine, __u32 theirs)
{
	return mine == theirs || mine == VS_SPECTATOR;
}

/* What is not seen is not there; what is seen is not ours to touch. */
static __always_inline int foreign_error(__u32 mine, struct task_struct *target)
{
	if (mine == VS_SPECTATOR || target->tgid == INIT_PID)
		return -EPERM;
	return -ESRCH;
}

/* Calls that act on another task. */
static __always_inline int check_touch(struct task_struct *target)
{
	__u32 mine = own_xid();

	return mine == xid_of(target) ? 0 : foreign_error(mine, target);
}

/* Calls that only read from another task; process 1 is visible everywhere. */
static __always_inline int check_see(struct task_struct *target)
{
	return errno_if(!may_see(own_xid(), xid_of(target)) && target->tgid != INIT_PID, -ESRCH);
}

SEC("lsm/task_kill")
int BPF_PROG(vs_task_kill, struct task_struct *target)
{
	/* A parent on its way out sends the death signal its child asked for; an exiting task makes no calls of its own.
	 * Signals of the kernel's own making (SIGCHLD, terminal hangup) do not come here. `info` tells nothing: newer
	 * kernels pass SEND_SIG_NOINFO for kill(2) itself. Never -ESRCH: kill(2) would retry for ever. */
	if (bpf_get_current_task_btf()->flags & PF_EXITING)
		return 0;
	return errno_if(own_xid() != xid_of(target), -EPERM);
}

/* Whoever steers a task has what that task may do: it must not be more than its own. */
static __always_inline int check_ceiling(struct task_struct *steered, struct task_struct *by)
{
	struct membership *theirs = membership_of(steered), *mine = membership_of(by);

	return errno_if(mine && ~mine->ceiling & (theirs ? theirs->ceiling : ~0ull), -EPERM);
}

/* Reading /proc/PID asks with FSCREDS. */
static __always_inline bool is_look_at_procfs(unsigned int mode)
{
	return mode & PTRACE_MODE_FSCREDS && !is_process_madvise();
}

SEC("lsm/ptrace_access_check")
int BPF_PROG(vs_ptrace_access_check, struct task_struct *target, unsigned int mode)
{
	__u32 mine = own_xid(), theirs = xid_of(target);
	bool attach = mode & PTRACE_MODE_ATTACH;

	if (mine == theirs)
		return attach ? check_ceiling(target, bpf_get_current_task_btf()) : 0;
	/* What may be opened in /proc, memory not being among it, is decided in procfs.h. */
	if (mine == VS_SPECTATOR)
		return errno_if(!is_look_at_procfs(mode), -EPERM);
	/* A procfs mounted with hidepid=ptraceable asks this before it shows process 1. */
	return errno_if(attach || target->tgid != INIT_PID || !is_look_at_procfs(mode), -EPERM);
}

SEC("lsm/ptrace_traceme")
int BPF_PROG(vs_ptrace_traceme, struct task_struct *parent)
{
	int error = errno_if(own_xid() != xid_of(parent), -EPERM);

	return error ? error : check_ceiling(bpf_get_current_task_btf(), parent);
}

SEC("lsm/task_setpgid")
int BPF_PROG(vs_task_setpgid, struct task_struct *target)
{
	return check_touch(target);
}

SEC("lsm/task_setnice")
int BPF_PROG(vs_task_setnice, struct task_struct *target, int nice)
{
	int error = check_touch(target);

	return error ? error : check_nice(target, nice);
}

SEC("lsm/task_setioprio")
int BPF_PROG(vs_task_setioprio, struct task_struct *target, int ioprio)
{
	int error = check_touch(target);

	return error ? error : check_ioprio(target, ioprio);
}

SEC("lsm/task_setrlimit")
int BPF_PROG(vs_task_setrlimit, struct task_struct *target, unsigned int resource, struct rlimit *wanted)
{
	int error = check_touch(target);

	return error ? error : check_rlimit(target, resource, wanted);
}

SEC("lsm/task_setscheduler")
int BPF_PROG(vs_task_setscheduler, struct task_struct *target)
{
	return check_touch(target);
}

SEC("lsm/task_movememory")
int BPF_PROG(vs_task_movememory, struct task_struct *target)
{
	return check_touch(target);
}

SEC("lsm/task_getpgid")
int BPF_PROG(vs_task_getpgid, struct task_struct *target)
{
	return check_see(target);
}

SEC("lsm/task_getsid")
int BPF_PROG(vs_task_getsid, struct task_struct *target)
{
	return check_see(target);
}

SEC("lsm/capget")
int BPF_PROG(vs_capget, struct task_struct *target)
{
	return check_see(target);
}

SEC("lsm/task_getscheduler")
int BPF_PROG(vs_task_getscheduler, struct task_struct *target)
{
	return check_see(target);
}

SEC("lsm/task_getioprio")
int BPF_PROG(vs_task_getioprio, struct task_struct *target)
{
	return check_see(target);
}

#endif
