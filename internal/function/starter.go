package function

// Starter is the first text of a new function. It passes its own cases.
const Starter = `key: my-function
name: My function
source: |
  return function(input)
    local first, last = text.ascii(input.first), text.ascii(input.last)
    if first == "" or last == "" then
      fail("no-latin-name", "This name has no Latin form. Ask the joiner for one.")
    end
    return {login = name.fit("ad-login", text.sub(first, 1, 1) .. last)}
  end
manifest:
  input:
    type: object
    required: [first, last]
    properties: {first: {type: string}, last: {type: string}}
  output:
    type: object
    required: [login]
    properties: {login: {type: string}}
cases:
  - name: initial and last name
    input: {first: Ada, last: Okafor}
    output: {login: aokafor}
  - name: marks are dropped
    input: {first: Zoë, last: Núñez}
    output: {login: znunez}
  - name: no Latin form
    input: {first: 小明, last: 王}
    error: no-latin-name
`
