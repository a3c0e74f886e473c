package main

import "context"

const (
	partMySQL  = "refresh on MySQL"
	partSQLite = "refresh on SQLite"
)

// engines lets the same clients refresh at a server on MySQL and at one on a fresh SQLite file.
func engines(ctx context.Context, l *lab, st *study) error {
	return l.withServer(ctx, l.db.url, sessionCost, func(ctx context.Context, onMySQL *server) error {
		return l.withServer(ctx, l.sqlite("engines.db"), sessionCost, func(ctx context.Context, onSQLite *server) error {
			users, err := l.newBrowsers(ctx, onMySQL.addr, many)
			if err != nil {
				return err
			}
			others, err := l.newBrowsers(ctx, onSQLite.addr, many)
			if err != nil {
				return err
			}
			var parts []part
			for _, n := range []int{few, many} {
				parts = append(parts, refreshing(partMySQL, onMySQL.addr, users[:n]), refreshing(partSQLite, onSQLite.addr, others[:n]))
			}
			return l.takeTurns(ctx, parts, &st.Parts)
		})
	})
}
