package report_test

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
	"github.com/stretchr/testify/require"

	"github.com/jwt-toy/jwt-toy/conformance"
)

// browser starts a headless Chromium with a profile of its own. Without one the test is skipped, and fails with REQUIRE_CHROMIUM=1.
func browser(t *testing.T) context.Context {
	t.Helper()
	bin := ""
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome"} {
		if path, err := exec.LookPath(name); err == nil {
			bin = path
			break
		}
	}
	if bin == "" {
		if os.Getenv("REQUIRE_CHROMIUM") != "" {
			t.Fatal("there is no Chromium: apt-get install chromium")
		}
		t.Skip("there is no Chromium; REQUIRE_CHROMIUM=1 makes that a failure")
	}
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	t.Cleanup(cancel)
	ctx, cancel = chromedp.NewExecAllocator(ctx,
		chromedp.ExecPath(bin), chromedp.Headless, chromedp.NoSandbox, chromedp.DisableGPU, chromedp.UserDataDir(t.TempDir()), chromedp.NoFirstRun,
		chromedp.Flag("disable-background-networking", true), chromedp.Flag("hide-scrollbars", false))
	t.Cleanup(cancel)
	ctx, cancel = chromedp.NewContext(ctx)
	t.Cleanup(cancel)
	return ctx
}

// open shows a report's page at a size, in light or dark.
func open(t *testing.T, ctx context.Context, rep *conformance.Report, width, height int64, scheme string) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "report.html")
	require.NoError(t, os.WriteFile(file, []byte(render(t, "html", rep)), 0o600))
	media := emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}}}
	require.NoError(t, chromedp.Do(ctx,
		chromedp.EmulateViewport(width, height),
		chromedp.Func(func(ctx context.Context, tab *chromedp.Target) error {
			_, err := cdp.Call(ctx, tab, emulation.SetEmulatedMedia, media)
			return err
		}),
		chromedp.Navigate("file://"+file),
	))
}

func evaluate[T any](t *testing.T, ctx context.Context, script string) T {
	t.Helper()
	v, err := chromedp.Run(ctx, chromedp.Evaluate[T](script))
	require.NoError(t, err)
	return v
}

// shoot keeps a picture for whoever wants to look: SCREENSHOTS=DIRECTORY.
func shoot(t *testing.T, ctx context.Context, name string, whole bool) {
	t.Helper()
	dir := os.Getenv("SCREENSHOTS")
	if dir == "" {
		return
	}
	action := chromedp.CaptureScreenshot()
	if whole {
		action = chromedp.FullScreenshot(100)
	}
	picture, err := chromedp.Run(ctx, action)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(filepath.Join(dir, name+".png"), picture, 0o600))
}

const (
	unfold  = `for (const d of document.querySelectorAll("details")) d.open = true; 0`
	stories = `for (const d of document.querySelectorAll("details")) d.open = d.classList.contains("story"); 0`

	foreign = `[...performance.getEntriesByType("resource").map(e => e.name), ...[...document.querySelectorAll("script, iframe, img, link:not([href^='data:'])")].map(e => e.outerHTML)]`

	// contrast lists texts whose colour is too near to what is behind them (WCAG 2, 1.4.3: 4.5 to 1).
	contrast = `(() => {
		const rgb = s => { const m = s.match(/[\d.]+/g).map(Number); return m.length < 4 ? [...m, 1] : m; };
		const light = c => { const f = c.slice(0, 3).map(v => v / 255).map(v => v <= .04045 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4); return .2126 * f[0] + .7152 * f[1] + .0722 * f[2]; };
		const behind = e => { for (; e; e = e.parentElement) { const c = rgb(getComputedStyle(e).backgroundColor); if (c[3] === 1) return c; } return [255, 255, 255, 1]; };
		const wrong = new Set();
		const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
		let seen = 0;
		while (walk.nextNode()) {
			const e = walk.currentNode.parentElement;
			if (!walk.currentNode.data.trim() || !e.getClientRects().length) continue;
			seen++;
			const s = getComputedStyle(e), a = light(rgb(e instanceof SVGElement ? s.fill : s.color)), b = light(behind(e));
			const ratio = (Math.max(a, b) + .05) / (Math.min(a, b) + .05);
			if (ratio < 4.5) wrong.add(ratio.toFixed(2) + " " + walk.currentNode.data.trim().slice(0, 40));
		}
		return [...wrong, ...(seen < 30 ? ["only " + seen + " texts"] : [])];
	})()`
)

func TestPageInABrowser(t *testing.T) {
	ctx := browser(t)
	all := kinds(t)
	all["inconclusive"] = interrupted(t)
	for _, name := range []string{"red", "green", "inconclusive", "stale"} {
		rep := all[name]
		for _, scheme := range []string{"light", "dark"} {
			open(t, ctx, rep, 1280, 720, scheme)
			shoot(t, ctx, name+"-1280-"+scheme, false)
			t.Run(fmt.Sprintf("%s %s: the first screen says the verdict", name, scheme), func(t *testing.T) {
				require.True(t, evaluate[bool](t, ctx, `(() => { const r = document.querySelector("h1").getBoundingClientRect(); return r.top >= 0 && r.bottom <= 720 && r.height > 0; })()`))
				want := map[string]string{"red": "does not conform", "green": "conforms", "inconclusive": "not established", "stale": "does not conform"}[name]
				require.Contains(t, strings.ToLower(evaluate[string](t, ctx, `document.querySelector("h1").innerText`)), want)
				require.Contains(t, evaluate[string](t, ctx, `document.title`), want)
			})
			t.Run(fmt.Sprintf("%s %s: every text can be read", name, scheme), func(t *testing.T) {
				evaluate[int](t, ctx, unfold)
				require.Empty(t, evaluate[[]string](t, ctx, contrast))
				background := evaluate[string](t, ctx, `getComputedStyle(document.body).backgroundColor`)
				require.Equal(t, scheme == "dark", background != "rgb(255, 255, 255)")
			})
			evaluate[int](t, ctx, stories)
			shoot(t, ctx, name+"-unfolded-1280-"+scheme, true)
			require.Empty(t, evaluate[[]string](t, ctx, foreign), "it needs nothing but itself")
			open(t, ctx, rep, 360, 720, scheme)
			shoot(t, ctx, name+"-360-"+scheme, false)
			t.Run(fmt.Sprintf("%s %s: nothing overflows on a telephone", name, scheme), func(t *testing.T) {
				require.Equal(t, 360, evaluate[int](t, ctx, `innerWidth`))
				overflow := `document.documentElement.scrollWidth - document.documentElement.clientWidth`
				require.Zero(t, evaluate[int](t, ctx, overflow))
				evaluate[int](t, ctx, unfold)
				require.Zero(t, evaluate[int](t, ctx, overflow))
			})
			evaluate[int](t, ctx, stories)
			shoot(t, ctx, name+"-unfolded-360-"+scheme, true)
		}
	}
}

// Who has no mouse gets to a failed story, and into it.
func TestPageByKeyboard(t *testing.T) {
	ctx := browser(t)
	open(t, ctx, twofold(t).rep, 1280, 720, "light")
	focused := `(() => { const d = document.activeElement.closest("details.story"); return document.activeElement.tagName === "SUMMARY" && d && d.parentElement.tagName === "SECTION" ? d.innerText : ""; })()`
	found := ""
	for range 200 {
		require.NoError(t, chromedp.Do(ctx, chromedp.KeyEvent(kb.Tab)))
		if found = evaluate[string](t, ctx, focused); found != "" {
			break
		}
	}
	require.Contains(t, found, "fail", "Tab reaches a failed story")
	isOpen := `document.activeElement.parentElement.open`
	require.False(t, evaluate[bool](t, ctx, isOpen))
	require.NotEqual(t, "none", evaluate[string](t, ctx, `getComputedStyle(document.activeElement).outlineStyle`), "and one sees where one is")
	require.NoError(t, chromedp.Do(ctx, chromedp.KeyEvent(kb.Enter)))
	require.True(t, evaluate[bool](t, ctx, isOpen))
	require.Contains(t, evaluate[string](t, ctx, `document.activeElement.parentElement.innerText`), "What was done")
	shoot(t, ctx, "keyboard", false)
}

// interrupted is a run that was stopped, of a target at which nobody can refresh.
func interrupted(t *testing.T) *conformance.Report {
	t.Helper()
	o := served(t, "rt-not-rotated/none")
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	n := 0
	o.Progress = func(conformance.StoryResult) {
		if n++; n == 20 {
			cancel()
		}
	}
	rep, err := conformance.Run(ctx, o)
	require.ErrorIs(t, err, context.Canceled)
	for i := range rep.Stories { // one that failed would be the verdict
		s := &rep.Stories[i]
		for j := range s.Checks {
			if s.Checks[j].Verdict == conformance.Fail {
				s.Checks[j].Verdict = conformance.Inconclusive
			}
		}
		if s.Verdict == conformance.Fail {
			s.Verdict = conformance.Inconclusive
		}
	}
	rep.Counts, rep.Verdict = rep.Tally(), rep.Judge()
	return rep
}
