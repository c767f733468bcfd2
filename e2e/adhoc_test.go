package e2e

import (
	"os"
	"strings"
	"testing"
)

func TestAdhoc(t *testing.T) {
	base := os.Getenv("JOINERY_AT")
	if base == "" {
		t.Skip()
	}
	b := openTab(t, base)
	b.use(screens()[0])
	b.signIn(os.Getenv("JOINERY_WHO"), os.Getenv("JOINERY_PW"))
	for _, p := range strings.Fields(os.Getenv("JOINERY_PAGES")) {
		name, path, _ := strings.Cut(p, "=")
		b.visit(path)
		if js := os.Getenv("JOINERY_CLICK"); js != "" && strings.Contains(name, "click") {
			eval[bool](b, js+", true")
			b.until("next", `document.readyState === "complete" && location.pathname !== "`+path+`"`)
		}
		for _, sc := range screens() {
			b.use(sc)
			b.look(name + "-" + sc.name)
		}
	}
}
