/* TCP listeners on every address: reached on each of their task's own, on no other.
 *
 * Enforced, in the main server's network namespace: a listener that was bound to every address stands on the first of its
 * own, and look-ups for the others, and for its loopback, are steered to it; one that never called bind stands on the
 * wildcard, and look-ups for addresses that are not its own are refused, as for a hidden listener all are.
 * How: sockops sees a listener begin and end, and enters it in `listeners` under every own address; sk_lookup finds it
 * there; nobody takes an entry from a listener that has it. Where one cannot be entered, for it is MPTCP, another of the same
 * set has the entry (SO_REUSEPORT), or the table is full, it is noted in `stands`, and steer.h brings it what comes for the
 * further addresses: of several listeners any that is left. A loopback of a context is spoken to from itself and its server's
 * addresses alone.
 * Established traffic is not touched. */
#ifndef VS_LISTENER_H
#define VS_LISTENER_H

#include "stands.h"

#define TCP_CLOSE 7
#define LOOPBACK_DEVICE 1

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

/* SO_BINDTODEVICE counts for further addresses, too. */
static __always_inline bool serves_device(struct bpf_sock *sk, __u32 device)
{
	/* No device: it is no packet, taken.h asks. */
	return !sk->bound_dev_if || !device || sk->bound_dev_if == device;
}

static __always_inline bool steer_to(struct bpf_sk_lookup *ctx, struct listener_key *key)
{
	struct bpf_sock *sk = bpf_map_lookup_elem(&listeners, key);
	bool given;

	if (!sk)
		return false;
	given = serves_device(sk, ctx->ingress_ifindex) && !bpf_sk_assign(ctx, sk, 0);
	bpf_sk_release(sk);
	return given;
}

static __always_inline bool is_loop(struct bpf_sk_lookup *ctx, struct listener_key *key)
{
	return ctx->family == AF_INET ? is_foreign_loop(ctx->local_ip4, 0) :
					is_foreign_loop6(key->high, key->low, 0);
}

/* Whether somebody else speaks to a context's loopback. TCP comes from that loopback itself, which only the context's
 * sockets are given, or from an address of its server that the socket was bound to; IPv6 could come from another machine, too. */
static __always_inline bool is_stray(struct bpf_sk_lookup *ctx, struct listener_key *key)
{
	__u32 first, third;

	/* No device: it is no packet, taken.h asks. */
	if (ctx->ingress_ifindex && ctx->ingress_ifindex != LOOPBACK_DEVICE)
		return true;
	if (ctx->protocol != IPPROTO_TCP)
		return false;
	if (ctx->family == AF_INET)
		return is_stray4(ctx->remote_ip4, ctx->local_ip4);
	first = ctx->remote_ip6[0];
	SEPARATE(first);
	third = ctx->remote_ip6[2];
	SEPARATE(third);
	return is_stray6(joined(first, ctx->remote_ip6[1]), joined(third, ctx->remote_ip6[3]), key->low);
}

/* Whether a listener that was never bound, and cannot be entered, serves the address. */
static __always_inline bool is_served_unbound(struct bpf_sk_lookup *ctx, struct listener_key *key)
{
	struct fence_key at = { .family = ctx->family, .port = ctx->local_port };
	struct rule *rule = bpf_map_lookup_elem(&unbound, &at);

	return rule && (has_address(&rule->own, key->high, key->low) || is_own_loop(rule, key->high, key->low));
}

static __always_inline bool is_fenced(struct bpf_sk_lookup *ctx, struct listener_key *key)
{
	struct fence_key at = { .family = ctx->family, .port = ctx->local_port };
	__u32 *where = bpf_map_lookup_elem(&fences, &at);

	if (!where)
		return false;
	if (*where == FENCE_EVERYWHERE)
		return !is_served_unbound(ctx, key);
	return !key->high && key->low == (ctx->family == AF_INET ? mapped(LOOPBACK) : LOOPBACK6_LOW);
}

/* On a context's loopback is nothing of what listens on every address of the main server. */
static __always_inline bool is_empty(struct bpf_sk_lookup *ctx, struct listener_key *key)
{
	return !bpf_map_lookup_elem(&standing, key) && !is_served_unbound(ctx, key);
}

SEC("sk_lookup")
int vs_sk_lookup(struct bpf_sk_lookup *ctx)
{
	struct listener_key key = { .port = ctx->local_port };
	bool loop;

	if (ctx->family == AF_INET) {
		key.low = mapped(ctx->local_ip4);
	} else {
		__u32 first = ctx->local_ip6[0], third = ctx->local_ip6[2];

		SEPARATE(first);
		SEPARATE(third);
		key.high = joined(first, ctx->local_ip6[1]);
		key.low = joined(third, ctx->local_ip6[3]);
	}
	loop = is_loop(ctx, &key);
	if (loop && is_stray(ctx, &key))
		return SK_DROP;
	if (ctx->protocol != IPPROTO_TCP || steer_to(ctx, &key))
		return SK_PASS;
	if (loop && ctx->family == AF_INET) {
		/* Who serves all of a loopback is entered under its network. */
		struct listener_key net = { .low = mapped(ctx->local_ip4 & LOOP_NET), .port = key.port };

		if (steer_to(ctx, &net))
			return SK_PASS;
	}
	return (loop ? is_empty(ctx, &key) : is_fenced(ctx, &key)) ? SK_DROP : SK_PASS;
}

#endif
