/* What rebootmgr and the programs in the servers have to agree on. */
#ifndef REBOOT_H
#define REBOOT_H

enum request { NOTHING, REBOOT, HALT };

/* The two messages of 2003, byte for byte. */
#define REBOOT_MESSAGE "reboot\n"
#define HALT_MESSAGE "halt\n"

/* Where a server finds its socket. */
#define GUEST_SOCKET "/dev/reboot"

#endif
