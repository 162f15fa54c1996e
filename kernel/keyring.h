/* Keys and keyrings are private to the context that made them.
 *
 * Enforced by denial on every use of a key; /proc/keys shows a context's own. A context has session, process and thread
 * keyrings of its own (whoever enters one joins a new session keyring); the keyrings of a user as such, which all its
 * processes share, belong to the main server. A child does not change the keyring of a parent in another context.
 * What the kernel does with credentials of its own (name resolvers of network file systems) is nobody's use.
 * There is no hook for the end of a key: its mark goes when its memory is used for another one, or when more than
 * 32,768 newer ones have been made; it then counts as context 0's. */
#ifndef VS_KEYRING_H
#define VS_KEYRING_H

#include "owner.h"
#include "reserve.h"

/* enum key_need_perm of linux/key.h */
#define KEY_NEED_VIEW 1
#define KEY_NEED_WRITE 3
#define KEY_NEED_LINK 5
#define KEYCTL_REVOKE 3
#define KEYCTL_CLEAR 7
#define KEYCTL_UNLINK 9
#define KEYCTL_SESSION_TO_PARENT 18
#if defined(__TARGET_ARCH_x86)
#define KEYCTL_32BIT 288
#else
#define KEYCTL_32BIT 311
#endif

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 1 << 15);
	__type(key, __u64);
	__type(value, struct owner);
} keys SEC(".maps");

static __always_inline bool acts_for_the_kernel(void)
{
	struct task_struct *task = bpf_get_current_task_btf();

	return BPF_CORE_READ(task, cred) != BPF_CORE_READ(task, real_cred);
}

/* The user's keyrings are made by whoever needs them first: _uid.0, _uid_ses.0, _persistent.0, and the registers. */
static __always_inline bool is_everybodys(struct key *key)
{
	char name[4] = {};

	bpf_probe_read_kernel_str(name, sizeof(name), BPF_CORE_READ(key, index_key.description));
	return name[0] == '.' || (name[0] == '_' && ((name[1] == 'u' && name[2] == 'i') ||
						     (name[1] == 'p' && name[2] == 'e')));
}

SEC("lsm/key_alloc")
int BPF_PROG(vs_key_alloc, struct key *key)
{
	__u32 xid = acts_for_the_kernel() ? VS_HOST : own_xid();
	__u64 address = (__u64)key;
	struct owner mark = {};

	if (xid != VS_HOST && is_reserved_key(key))
		return -EDQUOT;
	if (xid != VS_HOST && !is_everybodys(key))
		mark = mark_of(xid);
	/* Context 0's are marked as well: the address may have been another context's. */
	return errno_if(bpf_map_update_elem(&keys, &address, &mark, BPF_ANY), -ENOMEM);
}

/* The operation of keyctl(2) the caller asks for; -1 for other calls. */
static __always_inline int keyctl_operation(void)
{
	if (syscall_number() != (is_32bit_call() ? KEYCTL_32BIT : __NR_keyctl))
		return -1;
	return (int)syscall_argument(FIRST_ARGUMENT);
}

/* KEYCTL_SESSION_TO_PARENT asks for nothing but to link the caller's own keyring. */
static __always_inline bool is_gift_to_foreign_parent(void)
{
	struct task_struct *parent = bpf_get_current_task_btf()->real_parent;

	return keyctl_operation() == KEYCTL_SESSION_TO_PARENT && xid_of(parent) != own_xid();
}

/* What makes a keyring larger or a payload another one. Who has too much must be able to give some back. */
static __always_inline bool takes_more(__u32 need)
{
	int operation = keyctl_operation();

	return need == KEY_NEED_WRITE && operation != KEYCTL_REVOKE && operation != KEYCTL_CLEAR &&
	       operation != KEYCTL_UNLINK;
}

SEC("lsm/key_permission")
int vs_key_permission(__u64 *ctx)
{
	__u64 reference = 0, need = 0, address;
	__u32 xid = own_xid();

	/* The key's type is incomplete to the verifier; the lowest bit of the reference says who possesses it. */
	bpf_get_func_arg(ctx, 0, &reference);
	bpf_get_func_arg(ctx, 2, &need);
	if (acts_for_the_kernel())
		return 0;
	address = reference & ~1ull;
	if (!belongs_to(bpf_map_lookup_elem(&keys, &address), xid))
		return errno_if(xid != VS_SPECTATOR || (__u32)need != KEY_NEED_VIEW, -EACCES);
	if (xid != VS_HOST && takes_more(need) && is_reserved_key((struct key *)address))
		return -EDQUOT;
	return errno_if((__u32)need == KEY_NEED_LINK && is_gift_to_foreign_parent(), -EACCES);
}

#endif
