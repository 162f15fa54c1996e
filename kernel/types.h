/* The kernel's own types, as far as this object reads them: relocated to the running kernel at load time (CO-RE),
 * so only the names of the fields matter, not their order. Hand-kept; a full vmlinux.h would hide what is relied on. */
#ifndef VS_TYPES_H
#define VS_TYPES_H

#include <linux/bpf.h>
#include <linux/in.h>
#include <linux/in6.h>
#include <linux/types.h>
#include <stdbool.h>

typedef __u32 u32;
typedef __u64 u64;
typedef unsigned long size_t;

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

typedef struct {
	__u64 val;
} kernel_cap_t;

typedef struct {
	__u32 val;
} kuid_t;

enum ucount_type {
	UCOUNT_INOTIFY_INSTANCES,
	UCOUNT_INOTIFY_WATCHES,
	UCOUNT_FANOTIFY_GROUPS,
	UCOUNT_FANOTIFY_MARKS,
};

typedef struct {
	__s64 counter;
} atomic_long_t;

struct user_namespace;

struct ucounts {
	struct user_namespace *ns;
	atomic_long_t ucount[1];
};

typedef struct {
	unsigned long sig[1];
} sigset_t;

struct user_namespace {
	int level;
	struct ucounts *ucounts;
	long ucount_max[1];
};

struct inotify_group_private_data {
	struct ucounts *ucounts;
};

struct fanotify_group_private_data {
	struct ucounts *ucounts;
};

struct fsnotify_group {
	struct inotify_group_private_data inotify_data;
	struct fanotify_group_private_data fanotify_data;
};

struct cred {
	kuid_t euid;
	kuid_t fsuid;
	kernel_cap_t cap_effective;
	struct user_namespace *user_ns;
	struct ucounts *ucounts;
};

struct pid_namespace;

struct upid {
	int nr;
	struct pid_namespace *ns;
};

struct pid {
	unsigned int level;
	struct upid numbers[1];
};

struct rlimit {
	unsigned long rlim_cur;
	unsigned long rlim_max;
};

struct bpf_local_storage;

struct tty_struct {
	struct tty_struct *link;
	struct {
		struct pid *session;
	} ctrl;
};

struct tty_file_private {
	struct tty_struct *tty;
};

struct sigpending {
	sigset_t signal;
};

struct signal_struct {
	struct sigpending shared_pending;
	int nr_threads;
	unsigned int flags;
	int group_stop_count;
	struct tty_struct *tty;
	struct rlimit rlim[16];
};

struct mnt_namespace;

struct ipc_namespace;

struct nsproxy {
	struct ipc_namespace *ipc_ns;
	struct mnt_namespace *mnt_ns;
};

struct thread_info {
	unsigned long flags;
	__u32 status;
};

struct list_head {
	struct list_head *next;
};

struct file;

struct fdtable {
	unsigned int max_fds;
	struct file **fd;
};

struct files_struct {
	struct fdtable *fdt;
};

enum cgroup_subsys_id {
	memory_cgrp_id,
	pids_cgrp_id,
};

struct cgroup_subsys_state {
	__u64 serial_nr;
};

struct psi_group_cpu {
	unsigned int tasks[4];
};

enum psi_task_count {
	NR_IOWAIT,
	NR_RUNNING,
};

struct psi_group {
	struct psi_group_cpu *pcpu;
};

struct task_cputime {
	unsigned long long sum_exec_runtime;
};

struct cgroup_base_stat {
	struct task_cputime cputime;
};

struct cgroup {
	struct cgroup_subsys_state self;
	int level;
	struct cgroup_subsys_state *subsys[1];
	struct cgroup_base_stat bstat;
	struct psi_group *psi;
	struct cgroup *ancestors[1];
};

struct css_set {
	struct cgroup *dfl_cgrp;
};

struct page_counter {
	atomic_long_t usage;
	unsigned long max;
};

enum node_stat_item {
	NR_SLAB_RECLAIMABLE_B,
	NR_FILE_PAGES,
	NR_SHMEM,
};

struct memcg_vmstats {
	long state[1];
};

struct mem_cgroup {
	struct cgroup_subsys_state css;
	struct page_counter memory;
	struct page_counter swap;
	struct memcg_vmstats *vmstats;
};

struct pids_cgroup {
	struct cgroup_subsys_state css;
	atomic_long_t counter;
};

struct task_struct {
	struct thread_info thread_info;
	unsigned int flags;
	unsigned int ptrace;
	struct list_head ptraced;
	int pid;
	int tgid;
	__u64 start_boottime;
	struct sigpending pending;
	struct task_struct *real_parent;
	struct task_struct *group_leader;
	struct pid *thread_pid;
	const struct cred *real_cred;
	const struct cred *cred;
	struct files_struct *files;
	struct nsproxy *nsproxy;
	struct signal_struct *signal;
	struct bpf_local_storage *bpf_storage;
	struct css_set *cgroups;
};

struct kernel_siginfo;

#if defined(__TARGET_ARCH_x86)
struct pt_regs {
	unsigned long di;
	unsigned long si;
	unsigned long bx;
	unsigned long cx;
	unsigned long dx;
	unsigned long r8;
	unsigned long orig_ax;
};
#elif defined(__TARGET_ARCH_arm64)
struct pt_regs {
	unsigned long orig_x0;
	int syscallno;
	unsigned long regs[31];
};
#else
#error "no register layout for this architecture"
#endif

struct iattr {
	unsigned int ia_valid;
};

struct super_block {
	unsigned long s_magic;
	struct user_namespace *s_user_ns;
};

struct rw_semaphore {
	atomic_long_t count;
};

struct inode {
	unsigned long i_ino;
	unsigned short i_mode;
	kuid_t i_uid;
	unsigned int i_nlink;
	struct rw_semaphore i_rwsem;
	struct super_block *i_sb;
	void *i_private;
};

struct proc_inode {
	struct pid *pid;
	struct inode vfs_inode;
};

struct qstr {
	const unsigned char *name;
};

struct hlist_bl_node {
	struct hlist_bl_node **pprev;
};

struct dentry {
	unsigned int d_flags;
	struct hlist_bl_node d_hash;
	struct dentry *d_parent;
	struct qstr d_name;
	struct inode *d_inode;
	struct super_block *d_sb;
};

struct bpf_prog {
	enum bpf_prog_type type;
};

struct vfsmount {
	struct super_block *mnt_sb;
};

struct mount {
	struct mount *mnt_parent;
	struct vfsmount mnt;
	struct list_head mnt_share;
	struct mnt_namespace *mnt_ns;
};

struct path {
	struct vfsmount *mnt;
	struct dentry *dentry;
};

struct fown_struct;

struct file {
	unsigned int f_mode;
	struct inode *f_inode;
	struct path f_path;
	void *private_data;
};

struct fown_struct {
	struct file *file;
};

struct sock_common {
	unsigned short skc_family;
	unsigned char skc_reuse : 4;
	unsigned char skc_reuseport : 1;
	unsigned char skc_ipv6only : 1;
};

struct sock {
	struct sock_common __sk_common;
	unsigned short sk_protocol;
};

struct inet_sock {
	unsigned long inet_flags;
};

struct mptcp_sock;

struct sk_buff {
	struct sock *sk;
};

struct socket {
	short type;
	struct sock *sk;
};

struct sockaddr;

struct bpf_sock_addr_kern {
	struct sock *sk;
	struct sockaddr *uaddr;
};

struct sockaddr_un {
	char sun_path[108];
};

struct unix_address {
	struct sockaddr_un name[1];
};

struct unix_sock {
	struct unix_address *addr;
	struct sock *peer;
};

struct kern_ipc_perm {
	int id;
};

struct keyring_index_key {
	const char *description;
};

struct key_user {
	kuid_t uid;
	int qnkeys;
	int qnbytes;
};

struct key {
	struct key_user *user;
	struct keyring_index_key index_key;
};

struct mnt_idmap;
struct timespec64;

struct seq_file;

struct bpf_iter_meta {
	struct seq_file *seq;
	__u64 session_id;
	__u64 seq_num;
};

struct bpf_iter__task {
	struct bpf_iter_meta *meta;
	struct task_struct *task;
};

struct bpf_iter__bpf_map_elem {
	struct bpf_iter_meta *meta;
	struct bpf_map *map;
	void *key;
	void *value;
};

#pragma clang attribute pop

#endif
