# Builds, checks, proves and installs the whole. `make help` lists the targets.
PREFIX ?= /usr
DESTDIR ?=
CLANG ?= clang
STRIP_BPF ?= llvm-strip
BUN := node_modules/.bin/bun
BUILD := build

LIB = $(DESTDIR)$(PREFIX)/lib/vserver
BIN = $(DESTDIR)$(PREFIX)/bin
SBIN = $(DESTDIR)$(PREFIX)/sbin
SHARE = $(DESTDIR)$(PREFIX)/share
MAN = $(SHARE)/man
MULTIARCH := $(shell $(CC) -print-multiarch)
PAM = $(DESTDIR)$(PREFIX)/lib/$(MULTIARCH)/security
UNITS = $(DESTDIR)$(PREFIX)/lib/systemd/system
SYSV = $(DESTDIR)/etc/init.d
# /run/vserver and all that is mounted in it, as systemd calls it.
OWN_MOUNTS = run-vserver.mount run-vserver-.mount

# Every program made with BPF_PROG has a `ctx`, used or not.
BPF_FLAGS = -O2 -g -target bpf -mcpu=v3 -D__TARGET_ARCH_$(ARCH) -Wall -Wextra -Werror -Wno-unused-parameter
ARCH := $(patsubst x86_64,x86,$(patsubst aarch64,arm64,$(shell uname -m)))

SOURCES := $(shell find src -name '*.ts' ! -name '*.test.ts') package.json
OBJECTS := $(BUILD)/vserver.bpf.o $(BUILD)/group.bpf.o
PROGRAMS := $(BUILD)/vserver $(BUILD)/launch $(BUILD)/rebootmgr $(BUILD)/vreboot $(BUILD)/cowmgr $(BUILD)/pam_vserver.so $(OBJECTS)

.PHONY: help setup tools build check test demo bench install uninstall shell clean
# A target's prerequisites are steps, in this order.
.NOTPARALLEL:

help: ## print this list
	@sed -n 's/^\([a-z]*\):.*## /\1\t/p' Makefile | expand -t 12

setup: ## install what building and testing needs, and prepare the test machine
	@scripts/setup

tools:
	@scripts/setup --tools

build: $(PROGRAMS) $(BUILD)/stage ## compile everything into build/

check: build $(BUILD)/attack ## types, style, layers of imports, C warnings, shell scripts
	node_modules/.bin/tsc --noEmit -p .
	node_modules/.bin/biome check --error-on-warnings
	find . \( -path ./node_modules -o -path ./build -o -path ./.cache -o -path ./.git \) -prune -o -type f -exec \
	  awk 'FNR == 1 && /^#!\/bin\/(ba)?sh/ {print FILENAME} {nextfile}' {} + | xargs shellcheck

test: setup check ## prove it, on this machine and on stock kernels in the test machine
	@$(BUN) tests/run.ts $(TESTS)

bench: setup build ## time, memory and instructions against other tools and against the aims
	@bench/run $(BENCH)

demo: tools build ## two Debian servers on one kernel, shown from all sides
	@demo/run

shell: build ## a terminal in the test machine
	@machine/shell

clean: ## remove what was built; downloads in .cache stay
	rm -rf $(BUILD)

# ---- what is built

$(BUILD)/include/abi.h: scripts/gen-abi.ts src/context/abi.ts package.json
	@mkdir -p $(@D)
	$(BUN) $< >$@.new && mv $@.new $@

$(BUILD)/pam_vserver.so: pam/pam_vserver.c $(BUILD)/include/abi.h
	$(CC) -O2 -Wall -Wextra -Werror -fPIC -shared -I$(BUILD)/include -o $@ $< -lpam

$(OBJECTS): $(BUILD)/%.bpf.o: kernel/%.bpf.c $(wildcard kernel/*) $(BUILD)/include/abi.h
	$(CLANG) $(BPF_FLAGS) -I$(BUILD)/include -idirafter /usr/include/$(MULTIARCH) \
	  -c $< -o $@.new
	$(STRIP_BPF) -g $@.new && mv $@.new $@

$(BUILD)/launch: $(wildcard launch/*.[ch]) scripts/gen-plan.ts src/linux/plan/ops.ts $(BUILD)/include/abi.h
	@$(MAKE) --no-print-directory -C launch BUN=../$(BUN) all

$(BUILD)/rebootmgr $(BUILD)/vreboot &: $(wildcard reboot/*) $(BUILD)/include/abi.h
	@$(MAKE) --no-print-directory -C reboot all

$(BUILD)/cowmgr: $(wildcard copy/*) $(BUILD)/include/abi.h
	@$(MAKE) --no-print-directory -C copy

# For the tests of contexts, built here because a compiler takes minutes in the test machine; static, for its C library is
# another one.
$(BUILD)/attack: $(wildcard tests/machine/contexts/attack/*.[ch]) $(BUILD)/include/abi.h
	$(CC) -O0 -no-pie -static -Wall -Wextra -Werror -I$(BUILD)/include -o $@ $(filter %.c,$^)

# A bunfig.toml or .env of the current directory, perhaps a guest's, must not be read by a tool that root runs. The tools
# end before compiled JavaScript pays for the threads that compile it, hence the policy.
$(BUILD)/vserver: $(SOURCES) $(OBJECTS)
	$(BUN) build --compile --bytecode --minify --splitting --format=esm \
	  --no-compile-autoload-bunfig --no-compile-autoload-dotenv --compile-jit-policy=10 src/main.ts --outfile $@.new >/dev/null
	mv $@.new $@

$(BUILD)/completions: $(SOURCES) scripts/completions.ts $(wildcard completions/*)
	rm -rf $@ && mkdir -p $@
	for shell in bash zsh fish; do $(BUN) scripts/completions.ts $$shell >$@/$$shell || exit; done

$(BUILD)/man: $(SOURCES) scripts/man.ts
	rm -rf $@ && $(BUN) scripts/man.ts $@

# As installed, for the test machine. Replaced as a whole, so that nobody sees half of it.
$(BUILD)/stage: $(PROGRAMS) $(BUILD)/man $(BUILD)/completions $(wildcard systemd/*.* systemd/*/* sysv/*)
	rm -rf $@.new
	@$(MAKE) -s install DESTDIR=$@.new PREFIX=/usr
	rm -rf $@ && mv $@.new $@

install: $(PROGRAMS) $(BUILD)/man $(BUILD)/completions ## install below DESTDIR and PREFIX (/usr)
	install -d $(LIB) $(BIN) $(SBIN) $(UNITS) $(SYSV)
	install $(BUILD)/vserver $(BUILD)/launch $(BUILD)/vreboot $(BUILD)/cowmgr $(LIB)
	install $(BUILD)/rebootmgr $(SBIN)
	install -D -m 644 -t $(PAM) $(BUILD)/pam_vserver.so
	for tool in $$($(BUN) scripts/tools.ts); do ln -sf ../lib/vserver/vserver $(SBIN)/$$tool; done
	for tool in $$($(BUN) scripts/tools.ts everybody); do ln -sf ../lib/vserver/vserver $(BIN)/$$tool; done
	ln -sf ../lib/vserver/launch $(SBIN)/vexec
	ln -sf ../lib/vserver/cowmgr $(SBIN)/cowmgr
	for page in $(BUILD)/man/*; do install -D -m 644 -t $(MAN)/man$${page##*.} $$page; done
	for unit in $(wildcard systemd/*.*); do sed 's|@PREFIX@|$(PREFIX)|g' $$unit >$(UNITS)/$${unit##*/}; done
	for mount in $(OWN_MOUNTS); do install -D -m 644 systemd/drop-in/mounts.conf $(UNITS)/$$mount.d/vserver.conf; done
	install -D -m 644 $(BUILD)/completions/bash $(SHARE)/bash-completion/completions/vserver
	for tool in $$($(BUN) scripts/tools.ts) vexec; do \
	  [ $$tool = vserver ] || ln -sf vserver $(SHARE)/bash-completion/completions/$$tool; done
	install -D -m 644 $(BUILD)/completions/zsh $(SHARE)/zsh/vendor-completions/_vserver
	install -D -m 644 $(BUILD)/completions/fish $(SHARE)/fish/vendor_conf.d/vserver.fish
	for script in $(wildcard sysv/*); do \
	  sed 's|@PREFIX@|$(PREFIX)|g' $$script >$(SYSV)/$${script##*/} && chmod 755 $(SYSV)/$${script##*/}; done

uninstall: $(BUILD)/man ## remove what install put there
	for tool in $$($(BUN) scripts/tools.ts) vexec rebootmgr cowmgr; do rm -f $(BIN)/$$tool $(SBIN)/$$tool; done
	for page in $(BUILD)/man/*; do rm -f $(MAN)/man$${page##*.}/$${page##*/}; done
	for unit in $(wildcard systemd/*.*); do rm -f $(UNITS)/$${unit##*/}; done
	for mount in $(OWN_MOUNTS); do rm -f $(UNITS)/$$mount.d/vserver.conf; \
	  rmdir --ignore-fail-on-non-empty $(UNITS)/$$mount.d; done
	rm -f $(PAM)/pam_vserver.so
	for tool in $$($(BUN) scripts/tools.ts) vexec; do rm -f $(SHARE)/bash-completion/completions/$$tool; done
	rm -f $(SHARE)/zsh/vendor-completions/_vserver $(SHARE)/fish/vendor_conf.d/vserver.fish
	for script in $(wildcard sysv/*); do rm -f $(SYSV)/$${script##*/}; done
	rm -rf $(LIB)
	@# Directories nobody else uses; those that a system has in any case stay, full or empty.
	@case "$(DESTDIR)$(PREFIX)" in /usr|/usr/local) ;; *) cd "$(DESTDIR)/" && for empty in bin sbin lib/systemd/system \
	  lib/$(MULTIARCH)/security share/man/man1 share/man/man5 share/man/man7 share/man/man8 share/bash-completion/completions \
	  share/zsh/vendor-completions share/fish/vendor_conf.d; do \
	  rmdir -p --ignore-fail-on-non-empty "$(PREFIX:/%=%)/$$empty"; done; \
	  [ -z "$(DESTDIR)" ] || rmdir -p --ignore-fail-on-non-empty etc/init.d; esac
