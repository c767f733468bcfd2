// Package bench measures Joinery on its standard job, beside two baselines that
// it carries itself, so that anyone can repeat the ratios in one run:
//
//	webhook with a joiner → a username is worked out → GET /users/{name} (404)
//	→ POST /users (201) → everything durable → done
//
// The load generator, the pretend HRIS and the pretend directory are one process;
// every row (Joinery, "river-plain", "batch") is a child process of its own on a
// database of its own, on one PostgreSQL with fsync on. The time from sending the
// webhook to the arrival of the create is taken the same way for every row.
//
// All it talks to is on the loopback interface, and every loop ends.
//
// Other engines are measured in turn with the rows when their commands are given
// (Peer); the folder peers has two of them, Node-RED and n8n, with the same job.
package bench
