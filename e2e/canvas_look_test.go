package e2e

import (
	"context"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"joinery/flows"
	"joinery/internal/artifact"
	"joinery/internal/auth"
	"joinery/internal/node"
	"joinery/internal/postgres"
	"joinery/internal/review"
	"joinery/web"
)

// saveShipped keeps a flow that ships as the first revision of its key.
func saveShipped(t *testing.T, s *web.Server, by auth.Actor, name string) {
	t.Helper()
	text, err := flows.Files.ReadFile(name + "/flow.yaml")
	require.NoError(t, err)
	saveFlowText(t, s, by, string(text))
}

func saveFlowText(t *testing.T, s *web.Server, by auth.Actor, text string) {
	t.Helper()
	doc, err := artifact.Kinds{Flows: node.All()}.ReadText(review.Flow, "", []byte(text))
	require.NoError(t, err)
	_, err = s.DB.SaveRevision(context.Background(), by, postgres.Save{Doc: doc, Base: postgres.AnyBase, Via: "api"})
	require.NoError(t, err)
}

// atCanvas opens a flow's canvas and waits until it can be used.
func (b *tab) atCanvas(key string) {
	b.t.Helper()
	b.visit("/flows/" + key + "/canvas")
	b.until("the canvas", `document.querySelector(".island[data-ready=yes] .react-flow__pane") !== null`)
}

// The canvas in every size and theme: nothing chosen, a node chosen, the list of
// problems, the picker and the keyboard help.
func TestCanvas_EveryState(t *testing.T) {
	t.Parallel()
	s, base := startServer(t)
	ada := addPerson(t, s.DB, "ada@example.com", "Ada Brandt", auth.Admin)
	saveShipped(t, s, ada.Actor(), "employee")
	saveFlowText(t, s, ada.Actor(), strings.ReplaceAll("key: empty-one\nname: Empty one\ntrigger: \"\"\nnodes: []\n", "\t", ""))
	b := openTab(t, base)
	b.signIn("ada@example.com", password)
	for _, sc := range screens() {
		b.use(sc)
		b.atCanvas("empty-one")
		b.look("canvas-empty-" + sc.name)
		b.atCanvas("employee")
		b.look("canvas-" + sc.name)
		eval[bool](b, `document.querySelector(".react-flow__node[data-id=standing]").click(); true`)
		b.until("the drawer", `document.querySelector(".drawer") !== null`)
		b.look("canvas-node-" + sc.name)
		b.key("Escape", 0)
		b.key("/", 0)
		b.until("the picker", `document.querySelector("dialog.picker[open]") !== null`)
		b.look("canvas-picker-" + sc.name)
		b.key("Escape", 0)
		b.key("?", 0)
		b.until("the help", `document.querySelector("dialog.help[open]") !== null`)
		b.look("canvas-help-" + sc.name)
		b.key("Escape", 0)
		b.until("it closed", `document.querySelector("dialog[open]") === null`)
		b.key("F8", 0)
		eval[bool](b, `document.querySelector(".problem-count").click(); true`)
		b.until("the list", `document.querySelector(".problem-list") !== null`)
		b.look("canvas-problems-" + sc.name)
	}
}
