/* A terminal belongs to the context of its session's leader: no other steers it by ioctl or hangs it up.
 *
 * Enforced: typing into it (TIOCSTI, TIOCLINUX), hanging it up (TIOCVHANGUP, vhangup), taking it for another session
 * (TIOCSCTTY), signals through its master (TIOCSIG), for root of every context.
 * Not covered: who holds a descriptor of a terminal reads and writes there, and who holds its master types there, ^C
 * included; the kernel's own hangup of a session passes. */
#ifndef VS_TERMINAL_H
#define VS_TERMINAL_H

#include "process.h"

#define TIOCSCTTY 0x540e
#define TIOCSTI 0x5412
#define TIOCLINUX 0x541c
#define TIOCVHANGUP 0x5437
#define TIOCSIG 0x40045436

static __always_inline bool is_steering(unsigned int command)
{
	return command == TIOCSCTTY || command == TIOCSTI || command == TIOCLINUX || command == TIOCVHANGUP ||
	       command == TIOCSIG;
}

static __always_inline bool is_led_from_elsewhere(struct tty_struct *tty)
{
	struct pid *session = BPF_CORE_READ(tty, ctrl.session);
	struct task_struct *leader;
	bool elsewhere;

	if (!session)
		return false;
	leader = bpf_task_from_pid(BPF_CORE_READ(session, numbers[0].nr));
	if (!leader)
		return false;
	elsewhere = xid_of(leader) != own_xid();
	bpf_task_release(leader);
	return elsewhere;
}

/* The answer to a command on something that is no terminal is the kernel's: what is read here is then never used. */
static __always_inline int check_terminal(struct file *file, unsigned int command)
{
	struct tty_file_private *private;
	struct tty_struct *tty;

	if (!is_steering(command) || (file->f_inode->i_mode & S_IFMT) != S_IFCHR)
		return 0;
	private = BPF_CORE_READ(file, private_data);
	tty = BPF_CORE_READ(private, tty);
	if (is_led_from_elsewhere(tty))
		return -EPERM;
	return errno_if(command == TIOCSIG && is_led_from_elsewhere(BPF_CORE_READ(tty, link)), -EPERM);
}

/* For vhangup(2), which asks for CAP_SYS_TTY_CONFIG and hangs up the caller's own terminal, perhaps a shared one. */
static __always_inline bool is_on_foreign_terminal(struct task_struct *task)
{
	struct tty_struct *tty = BPF_CORE_READ(task, signal, tty);

	return tty && is_led_from_elsewhere(tty);
}

#endif
