/* TCP listeners on every address: reached on each of their task's own, on no other.
 *
 * Enforced, in the main server's network namespace: a listener that was bound to every address stands on the first of its
 * own, and look-ups for the others, and for its loopback, are steered to it; one that never called bind stands on the
 * wildcard, and look-ups for addresses that are not its own are refused, as for a hidden listener all are.
 * How: sockops sees a listener begin and end, and enters it in `listeners` under every own address; sk_lookup finds it
 * there (lookup.h); nobody takes an entry from a listener that has it. Where one cannot be entered, for it is MPTCP, another
 * of the same set has the entry (SO_REUSEPORT), or the table is full, it is noted in `stands`, and steer.h brings it what
 * comes for the further addresses: of several listeners any that is left. A loopback of a context is spoken to from itself
 * and its server's addresses alone.
 * Established traffic is not touched. */
#ifndef VS_LISTENER_H
#define VS_LISTENER_H

#include "stands.h"

#define TCP_CLOSE 7

struct listener_key {
	__u64 high;
	__u64 low;
	__u64 port; /* host order */
};

struct {
	__uint(type, BPF_MAP_TYPE_SOCKHASH);
	__uint(max_entries, 65536);
	__type(key, struct listener_key);
	__type(value, __u64);
} listeners SEC(".maps");

/* The id of the set whose listener was entered there last. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 16384);
	__type(key, struct listener_key);
	__type(value, __u64);
} holders SEC(".maps");

/* Ports on which only what is entered in `listeners` may be found, for the kernel gave them out as free: on every address
 * where a listener stands on the wildcard, on the loopback alone where one is hidden. Others have their services there. */
enum fence { FENCE_EVERYWHERE = 1, FENCE_LOOPBACK };

struct fence_key {
	__u16 family;
	__u16 port; /* host order */
};

/* Room for every port of both families. */
#define MOST_FENCES (2 << 16)

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, MOST_FENCES);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, struct fence_key);
	__type(value, __u32);
} fences SEC(".maps");

/* What sk_lookup does not find in `listeners` and lets pass all the same: MPTCP listeners, and further ones with SO_REUSEPORT. Of
 * those that were never bound the set, of those on a loopback how many stand there. Each is forgotten when the listener ends. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, MOST_FENCES);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, struct fence_key);
	__type(value, struct rule);
} unbound SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1 << 18);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, struct listener_key);
	__type(value, __u32);
} standing SEC(".maps");

static __always_inline void local_address(struct bpf_sock_ops *ops, __u64 *high, __u64 *low)
{
	__u32 ip4 = ops->local_ip4, first, third;

	SEPARATE(ip4);
	if (ops->family == AF_INET) {
		*high = 0;
		*low = ip4 ? mapped(ip4) : 0;
		return;
	}
	first = ops->local_ip6[0];
	SEPARATE(first);
	*high = joined(first, ops->local_ip6[1]);
	third = ops->local_ip6[2];
	SEPARATE(third);
	*low = joined(third, ops->local_ip6[3]);
}

/* Whether the listener cannot be entered under the address, but is to be found there; none can when the table is full. */
static __always_inline bool must_be_noted(struct bpf_sock_ops *ops, struct bpf_sock *sk, struct rule *rule, __u64 high,
					  __u64 low)
{
	struct listener_key key = { .high = high, .low = low, .port = ops->local_port };
	__u64 *holder, set = rule->own.id;
	long error;

	if (bpf_skc_to_mptcp_sock(sk))
		return true;
	error = bpf_sock_hash_update(ops, &listeners, &key, BPF_NOEXIST);
	if (!error) {
		note_ever_entered();
		bpf_map_update_elem(&holders, &key, &set, BPF_ANY);
		return false;
	}
	holder = bpf_map_lookup_elem(&holders, &key);
	return error != -EEXIST || !holder || *holder == set;
}

/* `stand` is where it is bound to, zero where it is not. */
static __always_inline void enter(struct bpf_sock_ops *ops, struct bpf_sock *sk, struct rule *rule,
				  const struct address *stand, __u64 high, __u64 low)
{
	struct place place = { high, low, bpf_htons(ops->local_port), IPPROTO_TCP };

	if (is_somewhere(stand) && is_held_by_other(&place, rule, stand))
		return;
	if (must_be_noted(ops, sk, rule, high, low) && is_somewhere(stand))
		note_own(&place, rule, stand, is_set_of_server(rule));
}

/* For all own addresses of the families it serves, and their loopbacks. */
static __always_inline void enter_all(struct bpf_sock_ops *ops, struct bpf_sock *sk, struct rule *rule,
				      const struct address *stand, bool ip4, bool ip6)
{
	for (__u32 at = 0; at < VS_MOST_ADDRESSES; at++) {
		if (at >= rule->own.count)
			break;
		if (at < rule->own.count4 ? ip4 : ip6)
			enter(ops, sk, rule, stand, rule->own.list[at].high, rule->own.list[at].low);
	}
	if (!rule->loop)
		return;
	if (ip4 && has_family4(&rule->own))
		enter(ops, sk, rule, stand, 0, mapped(loop_net(rule->loop)));
	if (ip6 && has_family6(&rule->own))
		enter(ops, sk, rule, stand, VS_LOOPBACK6, loopback6_low(rule->loop));
}

static __always_inline void fence(struct bpf_sock_ops *ops, struct bpf_sock *sk, struct rule *rule, __u16 family, __u32 where)
{
	struct fence_key key = { .family = family, .port = ops->local_port };

	if (where == FENCE_EVERYWHERE && bpf_skc_to_mptcp_sock(sk))
		bpf_map_update_elem(&unbound, &key, rule, BPF_ANY);
	bpf_map_update_elem(&fences, &key, &where, BPF_ANY);
}

static __always_inline bool serves_ip4(struct bpf_sock_ops *ops, struct bpf_sock *sk)
{
	struct sock_common *common;

	if (ops->family == AF_INET)
		return true;
	common = (struct sock_common *)bpf_skc_to_tcp6_sock(sk);
	return common && !BPF_CORE_READ_BITFIELD_PROBED(common, skc_ipv6only);
}

/* The listener is bound to its loopback. */
static __always_inline void enter_loopback(struct bpf_sock_ops *ops, struct bpf_sock *sk, struct rule *rule,
					   const struct address *at)
{
	struct listener_key key = { at->high, at->low, ops->local_port };
	__u32 one = 1, *count;

	if (!must_be_noted(ops, sk, rule, at->high, at->low))
		return;
	count = bpf_map_lookup_elem(&standing, &key);
	if (count)
		__sync_fetch_and_add(count, 1);
	else
		bpf_map_update_elem(&standing, &key, &one, BPF_ANY);
	bpf_sock_ops_cb_flags_set(ops, BPF_SOCK_OPS_STATE_CB_FLAG);
}

static __always_inline void begin(struct bpf_sock_ops *ops)
{
	struct bpf_sock *sk = ops->sk;
	struct rule *rule = rule_of(sk);
	struct face *face = face_of(sk);
	bool ip4, ip6 = ops->family == AF_INET6;
	struct address at;

	if (!rule || is_elsewhere(ops))
		return;
	if (face && face->hidden) {
		fence(ops, sk, rule, ops->family, FENCE_LOOPBACK);
		bpf_sock_ops_cb_flags_set(ops, BPF_SOCK_OPS_STATE_CB_FLAG);
		return;
	}
	ip4 = serves_ip4(ops, sk);
	local_address(ops, &at.high, &at.low);
	if (face && face->wildcard)
		enter_all(ops, sk, rule, &at, ip4, ip6);
	else if (is_own_loop(rule, at.high, at.low))
		enter_loopback(ops, sk, rule, &at);
	if (at.high || at.low)
		return;
	/* It never called bind. */
	make_face(sk, rule->loop);
	enter_all(ops, sk, rule, &at, ip4, ip6);
	fence(ops, sk, rule, ops->family, FENCE_EVERYWHERE);
	if (ip6 && ip4)
		fence(ops, sk, rule, AF_INET, FENCE_EVERYWHERE);
	bpf_sock_ops_cb_flags_set(ops, BPF_SOCK_OPS_STATE_CB_FLAG);
}

static __always_inline void lift_fence(struct bpf_sock_ops *ops, __u16 family)
{
	struct fence_key key = { .family = family, .port = ops->local_port };

	bpf_map_delete_elem(&fences, &key);
	bpf_map_delete_elem(&unbound, &key);
}

static __always_inline void end(struct bpf_sock_ops *ops)
{
	struct listener_key key = { .port = ops->local_port };
	struct bpf_sock *sk = ops->sk;
	struct face *face;
	__u32 *count;

	if (ops->args[0] != BPF_TCP_LISTEN || ops->args[1] != BPF_TCP_CLOSE || !sk)
		return;
	face = face_of(sk);
	local_address(ops, &key.high, &key.low);
	if ((key.high || key.low) && !(face && face->hidden)) {
		count = bpf_map_lookup_elem(&standing, &key);
		if (count && __sync_fetch_and_add(count, -1) == 1)
			bpf_map_delete_elem(&standing, &key);
		return;
	}
	lift_fence(ops, ops->family);
	if (ops->family == AF_INET6 && serves_ip4(ops, sk))
		lift_fence(ops, AF_INET);
}

/* A connection that comes in over a context's loopback is shown to have come from and to 127.0.0.0/24 or ::1. */
static __always_inline void accept_on_loopback(struct bpf_sock_ops *ops)
{
	struct bpf_sock *sk = ops->sk;
	__u64 high, low;
	__u32 loop = 0;

	if (!sk)
		return;
	local_address(ops, &high, &low);
	if (is_mapped(high, low) && is_foreign_loop(low >> 32, 0))
		loop = id_in_loopback(low >> 32);
	else if (is_foreign_loop6(high, low, 0))
		loop = bpf_be64_to_cpu(low);
	if (loop && !is_elsewhere(ops))
		make_face(sk, loop);
}

SEC("sockops")
int vs_sockops(struct bpf_sock_ops *ops)
{
	if (ops->op == BPF_SOCK_OPS_PASSIVE_ESTABLISHED_CB)
		accept_on_loopback(ops);
	else if (ops->op == BPF_SOCK_OPS_TCP_LISTEN_CB)
		begin(ops);
	else if (ops->op == BPF_SOCK_OPS_STATE_CB)
		end(ops);
	return 1;
}

#endif
