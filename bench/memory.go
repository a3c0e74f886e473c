package main

import (
	"context"
	"fmt"
	"os"
	"regexp"
	"runtime"
	"strconv"
)

// memory reads how the server's resident size grows with the sessions that it has begun. They live in the database.
func memory(ctx context.Context, l *lab, st *study) error {
	if runtime.GOOS != "linux" {
		st.LeftOut = "left out, as the resident size of a process is read on Linux only"
		return nil
	}
	return l.withServer(ctx, l.db.url, sessionCost, func(ctx context.Context, s *server) error {
		n := l.settings.idleSessions()
		size := figure{Name: "resident size", Unit: "MiB"}
		growth := figure{Name: "growth per 1,000 sessions", Unit: "KiB"}
		before := 0
		for round := range l.settings.Rounds + 1 { // at the first, the server takes what it needs for any number
			if _, err := l.newBrowsers(ctx, s.addr, n); err != nil {
				return err
			}
			now, err := residentKiB(s.cmd.Process.Pid)
			if err != nil {
				return err
			}
			if size.add(float64(now) / 1024); round > 0 {
				growth.add(float64(now-before) * 1000 / float64(n))
				st.Figures = []figure{size, growth}
			}
			before = now
		}
		return nil
	})
}

var resident = regexp.MustCompile(`(?m)^VmRSS:\s+(\d+) kB$`)

func residentKiB(pid int) (int, error) {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0, fmt.Errorf("read the server's resident size: %w", err)
	}
	found := resident.FindSubmatch(status)
	if found == nil {
		return 0, fmt.Errorf("read the server's resident size: no VmRSS in /proc/%d/status", pid)
	}
	return strconv.Atoi(string(found[1]))
}
