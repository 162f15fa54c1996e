/**
 * The one fault of the emulator that ends a test machine while it works. The kernel replaces an instruction that other
 * processors may be at (in a BPF trampoline, at every load and unload) behind a breakpoint that it takes away in the end.
 * With a thread for each processor QEMU can execute that breakpoint once more after it has gone, which no processor does,
 * and the kernel knows of none there.
 */
export const isEmulatorFault = (line: string): boolean => /\bOops: int3: /.test(line);
