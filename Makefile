# cipguard: Makefile
#
# For users:
#   make deps          install the Debian packages that are missing
#   make demo          build, start a private server, show what cipguard does (KEEP=1 leaves it up)
#   make check         build and run every test in private servers
#   make check-clients the same of drivers: libpq, psycopg, JDBC, node-postgres, DBD::Pg
#   make install       install into the PostgreSQL that PG_CONFIG names
#   make installcheck  run the regression tests against a running server
# For maintainers:
#   make lint          style, layering, SQL and compiler warnings
#   make bench         measure in a private server (CIPGUARD_BENCH_ROWS=100000)
#   make fuzz          fuzz every parser (FUZZ_SECONDS=60 for each target)
#   make analyze       static analysers of C and of PL/pgSQL
#   make coverage      lines that the tests run; fails below the floors in this file
#   make sanitize      SQL, isolation and TAP tests under AddressSanitizer and UBSan
#   make valgrind      the SQL tests under valgrind, on a server built for it
#   make sqlsmith      random statements of a role that sees masks (SQLSMITH_SECONDS=120)
#   make soak          clients at work while processes are killed (MINUTES=10)
#   make matrix        all tests on every major version of PostgreSQL that is supported (MATRIX='15 17 18 19')
#   make faults        every checker on a tree with a fault that it has to find (FAULTS='name ...')
#   make check-all     all of these, and check-clients
#   make clean         remove everything that was generated
#
# All but install, installcheck and clean are scripts of the same names in
# test/tools and test/ci.  They build in a copy of this tree, touch no cluster and no
# installed file of the machine, and run before PostgreSQL is installed: that
# is why PGXS, which needs it, is included only for the other targets (it also
# has a `check` of its own, which does nothing).

PG_CONFIG ?= pg_config
TOOLS = demo check check-clients bench fuzz lint
CI = matrix sanitize valgrind sqlsmith coverage analyze soak faults check-all
SCRIPTED = deps $(TOOLS) $(CI)

# Lines that the tests have to run, in percent: of all C, and of the files that use no server interface.
export COVERAGE_FLOOR ?= 90
export COVERAGE_FLOOR_PURE ?= 100

ifneq ($(filter $(SCRIPTED),$(MAKECMDGOALS)),)

export PG_CONFIG
.NOTPARALLEL:
.PHONY: $(MAKECMDGOALS) $(SCRIPTED)

deps:
	@test/tools/deps.sh
$(TOOLS):
	@test/tools/deps.sh $@
	@test/tools/$(subst -,_,$@).sh
$(CI):
	@test/tools/deps.sh $@
	@test/ci/$(subst -,_,$@).sh

# Any other target on the same command line, as in `make clean check`.
$(filter-out $(SCRIPTED),$(MAKECMDGOALS)):
	@$(MAKE) --no-print-directory $@

else

MODULE_big = cipguard
EXTENSION = cipguard
PGFILEDESC = "cipguard - protection of personal data"

# Every src/*.c is a part of the module; there are no generated sources.
OBJS = $(patsubst %.c,%.o,$(sort $(wildcard src/*.c)))

# The install script is its parts in the order of their names.
DATA_built = sql/cipguard--1.0.sql
DATA = $(sort $(wildcard sql/cipguard--*--*.sql))

# Before PostgreSQL 16 every symbol of a module is global in the server, so the
# linker is told which to export.
SHLIB_LINK = $(shell pkg-config --libs libcrypto 2>/dev/null || echo -lcrypto) \
	-Wl,--version-script=src/cipguard.map

# pg_regress looks for expected files in the output directory, which is this
# one, and then in the input directory; `setup` runs before the others.
TESTS = $(sort $(patsubst test/sql/%.sql,%,$(wildcard test/sql/*.sql)))
REGRESS = $(filter setup,$(TESTS)) $(filter-out setup,$(TESTS))
REGRESS_OPTS = --inputdir=test
ISOLATION = $(sort $(patsubst test/specs/%.spec,%,$(wildcard test/specs/*.spec)))
ISOLATION_OPTS = --inputdir=test
REGRESS_PREP = output_iso/expected
ENCODING = UTF8
NOLOCALE = --no-locale

EXTRA_CLEAN = .deps tmp_check output_iso results regression.diffs regression.out

# Let PGXS track header dependencies, however the server was configured, and
# build no bitcode: it serves JIT inlining only, and needs clang.
override autodepend = yes
override with_llvm = no

PGXS := $(shell $(PG_CONFIG) --pgxs 2>/dev/null)
ifneq ($(wildcard $(PGXS)),)
include $(PGXS)
else ifeq ($(MAKECMDGOALS),clean)
clean:
	rm -rf $(OBJS) $(DATA_built) cipguard.so $(EXTRA_CLEAN)
else
$(error "$(PG_CONFIG) --pgxs" names no installed file; run "make deps" first, or set PG_CONFIG)
endif

# The directory is a prerequisite because a part may have been removed.
sql/cipguard--1.0.sql: $(sort $(wildcard sql/parts/*.sql)) sql/parts
	cat $(filter %.sql,$^) /dev/null > $@

cipguard.so: src/cipguard.map

# Objects built for another server are stale.
$(OBJS): .deps/server
.deps/server: FORCE
	@mkdir -p .deps
	@echo '$(PG_CONFIG) $(VERSION)' | cmp -s - $@ || echo '$(PG_CONFIG) $(VERSION)' > $@

output_iso/expected:
	mkdir -p output_iso
	ln -sfn ../expected $@

.PHONY: FORCE

endif
