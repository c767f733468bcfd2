package ui

import "github.com/a-h/templ"

// showing gives the attributes that let a field depend on another one. Their
// names are constants, so spreading them is safe.
func showing(f Field) templ.Attributes {
	if f.ShowField == "" {
		return nil
	}
	return templ.Attributes{"data-show-field": f.ShowField, "data-show-in": f.ShowIn}
}

func boxType(f Field) string {
	if f.Input == "radio" {
		return "radio"
	}
	return "checkbox"
}

// Short gives the first twelve characters of a hash.
func Short(hash string) string {
	if len(hash) > 12 {
		return hash[:12]
	}
	return hash
}
