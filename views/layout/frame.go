package layout

import (
	"context"
	"io"

	"github.com/a-h/templ"

	"joinery/views/ui"
)

// Shell is the console around a page.
func Shell(p Page, body templ.Component) templ.Component { return framed(p, shell(p, body)) }

// Plain is the frame of sign-in, set-up and trouble.
func Plain(p Page, body templ.Component) templ.Component { return framed(p, plain(p, body)) }

// Fragment gives a part of a page what it needs of the frame.
func Fragment(p Page, body templ.Component) templ.Component { return framed(p, body) }

func framed(p Page, c templ.Component) templ.Component {
	return templ.ComponentFunc(func(ctx context.Context, w io.Writer) error {
		return c.Render(ui.WithFrame(ctx, p.frame()), w)
	})
}
