package connector

import "context"

// leastSecret is how short a credential may be that is looked for everywhere: shorter
// ones would be found in words.
const leastSecret = 6

// WithoutSecrets takes the credentials of a connection out of texts that came from its
// system, for readers who must never see one: some systems send back what they were
// sent. Texts may be JSON.
func (p *Pool) WithoutSecrets(ctx context.Context, kind, connection string, texts ...*string) {
	t, ok := p.Catalog.Type(kind)
	if !ok {
		return
	}
	for _, c := range t.Info().Credentials {
		v, err := p.Secret(ctx, connection, c.Name)
		if err != nil || len(v.Reveal()) < leastSecret {
			continue // none is set, or it cannot have been sent
		}
		for _, text := range texts {
			*text = string(Hide([]byte(*text), v))
		}
	}
}
