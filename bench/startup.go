package main

import (
	"context"
	"fmt"
)

// starts is how often the server is started on each kind of database.
const starts = 5

// startUp measures how long the server takes until it listens. No other server may run, as the schema is emptied.
func startUp(ctx context.Context, l *lab, st *study) error {
	figures := []figure{
		{Name: "on an empty MySQL schema", Unit: "ms"},
		{Name: "on a migrated MySQL schema", Unit: "ms"},
		{Name: "on a fresh SQLite file", Unit: "ms"},
	}
	for i := range starts {
		if err := l.db.empty(); err != nil {
			return err
		}
		for k, url := range []string{l.db.url, l.db.url, l.sqlite(fmt.Sprintf("start-%d.db", i))} {
			s, err := startServer(ctx, l.program, url, l.settings.BcryptCost, "serve")
			if err != nil {
				return err
			}
			s.stop()
			figures[k].add(milliseconds(s.startedIn))
		}
		st.Figures = figures
		fmt.Fprintf(l.stderr, "start %d of %d\n", i+1, starts)
	}
	return nil
}
