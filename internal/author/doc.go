// Package author asks a language model to write functions, and trusts nothing that
// comes back. A person asks in a conversation; what was understood is restated and
// confirmed, then tests, code and checks follow, and what remains is a draft that the
// person wrote: the model is a tool without account, role or act of its own.
//
// It knows the stages of a turn, the text that goes out, how answers are read, and the
// gates. The store, the governed runtime and what the model may look up are handed in.
package author
