#!/usr/bin/env bats
# Why: a check that finds nothing is worth only as much as the proof that it would find something.

load helper

setup() {
	make_dir
	mkdir "$DIR/tree"
	cp -R "$TREE/scripts" "$TREE/common" "$DIR/tree/"
	mkdir -p "$DIR/tree/cmd" "$DIR/tree/man/man8" "$DIR/tree/tests/sim"
	cd "$DIR/tree"
}

teardown() {
	stop_all
}

lint_finds() {
	run sh scripts/lint "$1"
	[[ $status == 1 && $output == *"$2"* && ${lines[-1]} == *" 1 failed" ]] || { echo "$output"; return 1; }
}

@test "the tree as it is passes the check of levels" {
	run sh scripts/lint levels
	echo "$output"
	[[ $status == 0 && ${lines[-1]} == "1 passed, 0 failed" ]]
}

@test "lint finds an include against the levels" {
	sed -i 's/^#include "buf.h"/&\n#include "config.h"/' common/buf.c
	lint_finds levels 'common/buf.c: level 1 includes config.h of level 3'
}

@test "lint finds an include of the same level that is not stated" {
	sed -i 's/^#include "buf.h"/&\n#include "path.h"/' common/buf.c
	lint_finds levels 'common/buf.c: level 1 includes path.h of level 1'
}

@test "lint finds a module that has no level, and one that is included" {
	echo '#include "error.h"' >common/newcomer.c
	lint_finds levels 'common/newcomer.c: is not in the table'
	rm common/newcomer.c
	echo '#include "newcomer.h"' >>common/path.c
	lint_finds levels 'common/path.c: includes newcomer.h, which is not in the table'
}

@test "lint finds a library outside of its module" {
	echo '#include <lmdb.h>' >cmd/tg-new.c
	lint_finds libraries 'cmd/tg-new.c:1:#include <lmdb.h>'
}

@test "lint finds the simulator using the code that it is to test" {
	echo '#include "../../common/json.h"' >tests/sim/main.c
	lint_finds simulator 'tests/sim/main.c:1:'
}

@test "lint finds a long function, and does not count the cases of a table" {
	{ echo 'int f(int x)'; echo '{'; yes '	x++;' | head -n 60; echo '}'; } >cmd/long.c
	run sh scripts/lint 'functions'
	[[ $status == 0 ]]
	sed -i 's/^}/	x--;\n}/' cmd/long.c
	lint_finds functions 'cmd/long.c:2: a function of 61 lines'
	sed -i '0,/x++;/s//case 1: x++;/' cmd/long.c
	run sh scripts/lint 'functions'
	[[ $status == 0 ]]
}

@test "lint finds a program without a page and a page with a fault" {
	echo 'int main(void) { return 0; }' >cmd/tg-new.c
	lint_finds "program has" 'cmd/tg-new.c: has no page'
	printf '.Dd November 21, 2026\n.Dt TG-NEW 8\n.Os\n.Sh NAME\n.Nm tg-new\n.Nd x\n.Xx\n' >man/man8/tg-new.8
	run sh scripts/lint "program has"
	[[ $status == 0 ]]
	lint_finds "manual pages" 'tg-new.8'
}

@test "lint finds a shell script that does not parse" {
	printf '#!/bin/sh\nif true; then\n' >scripts/broken
	lint_finds "shell" 'scripts/broken'
}

@test "run-tests counts what fails, crashes and is skipped, and fails" {
	mkdir -p b/tests/unit b/tests/fuzz tests/cli tests/data/fuzz
	cat >b/tests/unit/test_a <<-'SH'
		#!/bin/sh
		echo '[       OK ] good'
		echo '[  FAILED  ] bad'
		echo '[  FAILED  ] 1 test(s), listed below:'
		echo '[  FAILED  ] bad'
		exit 1
	SH
	printf '#!/bin/sh\nkill -SEGV $$\n' >b/tests/unit/test_d
	printf '#!/bin/sh\n[ "$1 $2" = "tests/data/fuzz/a 20000" ]\n' >b/tests/fuzz/fuzz_a
	chmod +x b/tests/*/*
	printf '@test "x" { true; }\n@test "y" { false; }\n@test "z" { skip "why"; }\n' >tests/cli/a.bats
	run env -i PATH=/usr/local/bin:/usr/bin:/bin sh scripts/run-tests b
	echo "$output"
	[[ $status == 1 && ${lines[-1]} == "3 passed, 3 failed" && ${lines[-2]} == "1 skipped" ]]
	[[ $output == *"FAILED: test_d"* && $output == *"# skip why"* && $output == *"ok: fuzz_a"* ]]
}

@test "run-tests fails where there is nothing to run" {
	run sh scripts/run-tests nowhere
	[[ $status == 1 && ${lines[-1]} == "0 passed, 1 failed" ]]
}

@test "setup says nothing where nothing is missing" {
	run sh scripts/setup test
	[[ $status == 0 && -z $output ]]
}

@test "setup says what to do where it may not install" {
	mkdir bin
	printf '#!/bin/sh\necho 1000\n' >bin/id
	printf '#!/bin/sh\ncase $4 in jq) exit 1 ;; esac\necho installed\n' >bin/dpkg-query
	chmod +x bin/*
	for tool in dirname cat; do ln -s "$(command -v $tool)" bin/; done
	sh=$(command -v sh)
	PATH=$PWD/bin run "$sh" scripts/setup run
	echo "$output"
	[[ $status == 1 && $output == "setup: run as root: apt-get install --no-install-recommends jq "* ]]
}
