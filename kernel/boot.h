/* Requests of servers to be restarted or stopped: reboot(2) called by root of a held context, which is refused there or
 * ends no more than its PID namespace. rebootmgr hears of it. Nothing is enforced or permitted here.
 *
 * INVARIANTS
 *  - A context has at most one request in the ring: its slot is taken before, and given back by the reader.
 *  - A context that root does not hold (any user can make one) has no say. */
#ifndef VS_BOOT_H
#define VS_BOOT_H

#include "task.h"

#define REBOOT_MAGIC 0xfee1dead
#define CMD_RESTART 0x01234567
#define CMD_RESTART2 0xa1b2c3d4
#define CMD_HALT 0xcdef0123
#define CMD_POWER_OFF 0x4321fedc

#if defined(__TARGET_ARCH_x86)
#define REBOOT_CALL "fentry/__x64_sys_reboot"
#else
#define REBOOT_CALL "fentry/__arm64_sys_reboot"
#endif

struct boot_event {
	__u32 xid;
	__u32 request;
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, VS_LAST + 1);
	__type(key, __u32);
	__type(value, __u32);
} boot_requests SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, VS_BOOT_RING);
} boot_ring SEC(".maps");

static __always_inline __u32 boot_request(__u32 command)
{
	if (command == CMD_RESTART || command == CMD_RESTART2)
		return VS_BOOT_REBOOT;
	return command == CMD_HALT || command == CMD_POWER_OFF ? VS_BOOT_HALT : 0;
}

SEC(REBOOT_CALL)
int BPF_PROG(vs_reboot, struct pt_regs *regs)
{
#if defined(__TARGET_ARCH_x86)
	__u32 magic = regs->di, command = regs->dx;
#else
	__u32 magic = regs->regs[0], command = regs->regs[2];
#endif
	struct task_struct *task = bpf_get_current_task_btf();
	struct boot_event event = { .xid = own_xid(), .request = boot_request(command) };
	struct record *record;
	__u32 *slot;

	if (event.xid < VS_FIRST_GUEST || magic != REBOOT_MAGIC || !event.request)
		return 0;
	record = record_at(event.xid);
	slot = bpf_map_lookup_elem(&boot_requests, &event.xid);
	if (!record || !slot || !(record->flags & VS_FLAG_HELD) || BPF_CORE_READ(task, cred, euid.val) != 0)
		return 0;
	if (__sync_val_compare_and_swap(slot, 0, event.request) == 0 &&
	    bpf_ringbuf_output(&boot_ring, &event, sizeof(event), 0) != 0)
		__sync_val_compare_and_swap(slot, event.request, 0);
	return 0;
}

#endif
