/* The capability ceiling: what is not in it is refused, whatever a setuid program or a file capability grants later.
 * Asked of the task that acts (current), in every user namespace. A ceiling only ever loses bits (call.h).
 *
 * Four things no other hook is asked about are refused here, whatever the ceiling: outside context 0 no module is
 * loaded or unloaded and no mount of the main server changes its attributes; nobody hangs up a terminal that is led from
 * another context; and CAP_PERFMON, or CAP_SYS_ADMIN in its place, is no leave to advise on another process's memory, as
 * newer kernels have it: ptrace_access_check decides (process.h). */
#ifndef VS_CAPABILITY_H
#define VS_CAPABILITY_H

#include "guard.h"
#include "registers.h"
#include "terminal.h"

static __always_inline bool is_denied_outside(int capability)
{
	switch (capability) {
	case CAP_SYS_MODULE:
		return true;
	case CAP_SYS_ADMIN:
		return is_setting_mount_attributes() && in_host_mounts();
	}
	return false;
}

static __always_inline bool is_leave_to_advise(int capability)
{
	return (capability == CAP_PERFMON || capability == CAP_SYS_ADMIN) && is_process_madvise();
}

SEC("lsm/capable")
int BPF_PROG(vs_capable, const struct cred *cred, struct user_namespace *ns, int capability)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct membership *member;

	if (capability == CAP_SYS_TTY_CONFIG && is_on_foreign_terminal(task))
		return -EPERM;
	if (is_leave_to_advise(capability))
		return -EPERM;
	member = membership_of(task);
	if (!member)
		return 0;
	if (member->xid != VS_HOST && is_denied_outside(capability))
		return -EPERM;
	return errno_if(capability < 0 || capability > 63 || !(member->ceiling >> capability & 1), -EPERM);
}

#endif
