package postgres

import (
	"context"
	"errors"
	"io"
	"net"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"gorm.io/gorm"

	"joinery/internal/fault"
)

// ruleState is the SQLSTATE our triggers raise; its message is a sentence.
const ruleState = "JN001"

// asFault gives a driver's error its kind. Faults pass through.
func asFault(err error) error {
	var f *fault.Error
	if err == nil || errors.As(err, &f) {
		return err
	}
	if errors.Is(err, pgx.ErrNoRows) || errors.Is(err, gorm.ErrRecordNotFound) {
		return fault.Wrap(fault.NotFound, err, "There is no such record.")
	}
	var pg *pgconn.PgError
	if errors.As(err, &pg) {
		return pgFault(pg, err)
	}
	if lostConnection(err) {
		return fault.Wrap(fault.Unavailable, err, "The database is not reachable at the moment.")
	}
	return err
}

func pgFault(pg *pgconn.PgError, err error) error {
	switch {
	case pg.Code == ruleState:
		return fault.Wrap(fault.Forbidden, err, "%s.", strings.TrimSuffix(pg.Message, "."))
	case pg.Code == "23505":
		return fault.Wrap(fault.Conflict, err, "This already exists.")
	case pg.Code == "23503":
		return fault.Wrap(fault.Conflict, err, "Something that this refers to does not exist, or is still in use.")
	case pg.Code == "23514", pg.Code == "22001":
		return fault.Wrap(fault.Invalid, err, "A value is too long or not allowed.")
	case pg.Code == "22021", pg.Code == "22P05":
		return fault.Wrap(fault.Invalid, err, "The text holds characters that cannot be stored (a null byte or broken UTF-8).")
	case pg.Code == "42501":
		return fault.Wrap(fault.Forbidden, err, "The database role may not do this.")
	case strings.HasPrefix(pg.Code, "08"), strings.HasPrefix(pg.Code, "57P"), strings.HasPrefix(pg.Code, "53"),
		pg.Code == "40001", pg.Code == "40P01", pg.Code == "55P03", pg.Code == "57014", pg.Code == "25006":
		return fault.Wrap(fault.Unavailable, err, "The database is busy or restarting.")
	}
	return err
}

func lostConnection(err error) bool {
	var network net.Error
	var connect *pgconn.ConnectError
	return errors.As(err, &connect) || errors.As(err, &network) || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) ||
		errors.Is(err, context.DeadlineExceeded) || errors.Is(err, net.ErrClosed) || strings.Contains(err.Error(), "conn closed") ||
		pgconn.SafeToRetry(err)
}

// connectTrouble says why connecting failed, without the password.
func connectTrouble(err error) string {
	var pg *pgconn.PgError
	if errors.As(err, &pg) {
		return pg.Message
	}
	var op *net.OpError
	if errors.As(err, &op) {
		return op.Err.Error()
	}
	if errors.Is(err, context.DeadlineExceeded) {
		return "no answer in time"
	}
	return "the connection failed"
}
