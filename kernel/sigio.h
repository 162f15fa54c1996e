/* SIGIO and SIGURG (F_SETOWN, FIOSETOWN …): sent in the name of whoever set the owner, perhaps from an interrupt.
 *
 * The context that set the owner is remembered per open file. An entry that is missing (evicted, or set before this
 * object was loaded) refuses the signal: silence is safer than a signal into another context. An entry is overwritten
 * whenever an owner is set, so a file that reuses an address never inherits a stale one. */
#ifndef VS_SIGIO_H
#define VS_SIGIO_H

#include "task.h"

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 16384);
	__type(key, __u64);
	__type(value, __u32);
} owners SEC(".maps");

SEC("lsm/file_set_fowner")
int BPF_PROG(vs_file_set_fowner, struct file *file)
{
	__u64 key = (__u64)file;
	__u32 xid = own_xid();

	bpf_map_update_elem(&owners, &key, &xid, BPF_ANY);
	return 0;
}

SEC("lsm/file_send_sigiotask")
int BPF_PROG(vs_file_send_sigiotask, struct task_struct *target, struct fown_struct *owner)
{
	__u64 key = (__u64)BPF_CORE_READ(owner, file);
	__u32 *xid = bpf_map_lookup_elem(&owners, &key);

	return errno_if(!xid || *xid != xid_of(target), -EPERM);
}

#endif
