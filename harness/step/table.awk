# SPDX-License-Identifier: GPL-2.0
# What dmabuf-mmap printed (TAP), as a table: a row an exporter, a column a group of its tests. (memfd)
# is ordinary memory, on which every route has to work. Status 1 if a test of the table failed.
BEGIN {
	# heading in two lines, tests, what it means that they pass
	n = split("map,/:vm_flags:ok priv,/read:private_(read_only|none|offset|changed):ok priv,/writ:private_writable:no " \
		"gup,/slow:refuses_gup_slow:no gup,/fast:refuses_gup_fast:no pin,/long:refuses_(pin|longterm)_:no " \
		"vm-,/spl:refuses_vmsplice:no proc,/rw:refuses_process_vm:no O_,/DIR:refuses_o_direct:no " \
		"io_,/urng:refuses_io_uring:no MSG_,/ZC:refuses_msg_zerocopy:no CPU,/acc:cpu_access:ok " \
		"popu,/late:populated_:ok de-,/bug:(proc_mem|ptrace):ok off-,/set:^offset:ok af-,/splt:munmap_:ok", column, " ")
	for (i = 1; i <= n; i++) { split(column[i], p, ":"); split(p[1], h, ","); top[i] = h[1]; sub("/", "", h[2]); sub_[i] = h[2]; re[i] = p[2]; word[i] = p[3] }
}
{ sub(/\r$/, ""); sub(/^\[ *[0-9.]+\] /, "") }
/^(not )?ok [0-9]+ / {
	bad = /^not/; skip = /# SKIP/
	reason = skip ? $0 : ""; sub(/.*# SKIP[ \t:]*/, "", reason)
	sub(/^(not )?ok [0-9]+ (- )?/, ""); sub(/[ \t]*#.*/, "")
	k = split($0, f, ".")
	if (f[1] == "memfd_control") { row = "(memfd)"; name = f[2]; if (name !~ /^populated/) name = "refuses_" name }
	else if (f[1] == "dmabuf_mmap" && k == 3) { row = f[2]; name = f[3] }
	else next
	if (!(row in seen)) { seen[row] = 1; rows[++nr] = row }
	for (i = 1; i <= n; i++) if (name ~ re[i]) {
		c = row SUBSEP i
		if (bad) cell[c] = "FAIL"
		else if (skip) { if (cell[c] == "") cell[c] = "-"; why[row] = reason }
		else if (cell[c] != "FAIL") cell[c] = row == "(memfd)" && word[i] == "no" ? "yes" : word[i]
	}
}
END {
	printf "%-17s", ""; for (i = 1; i <= n; i++) printf "%-5s", top[i]; print ""
	printf "%-17s", "exporter"; for (i = 1; i <= n; i++) printf "%-5s", sub_[i]; print ""
	for (r = 1; r <= nr; r++) {
		row = rows[r]; line = ""; here = 0
		for (i = 1; i <= n; i++) {
			v = cell[row, i]
			if (v != "" && v != "-") here = 1
			if (v == "FAIL") failed++
			line = line sprintf("%-5s", v == "" ? "" : v)
		}
		if (!here) { absent++; printf "%-17s%s\n", row, why[row]; continue }
		sub(/ +$/, "", line)
		printf "%-17s%s\n", row, line
	}
	print "ok: works, no: refused, yes: taken, -: not run"
	printf "%d rows, %d not here, %d cells failed\n", nr, absent + 0, failed + 0
	exit failed > 0 || nr == 0
}
