// The scenario of ../scenario.py with redigo: go run redigo.go PORT
package main

import (
	"encoding/hex"
	"fmt"
	"log"
	"os"
	"strings"

	"github.com/gomodule/redigo/redis"
)

const library = `#!lua name=shop
redis.register_function('sell', function(keys, args) return redis.call('DECRBY', keys[1], args[1]) end)
`

var script = redis.NewScript(1, "return {KEYS[1], redis.call('INCRBY', KEYS[1], ARGV[1])}")

func connect() redis.Conn {
	conn, err := redis.Dial("tcp", "127.0.0.1:"+os.Args[1])
	if err != nil {
		log.Fatal(err)
	}
	return conn
}

// do sends a command that has to succeed.
func do(conn redis.Conn, command string, args ...interface{}) interface{} {
	reply, err := conn.Do(command, args...)
	if err != nil {
		log.Fatal(command, ": ", err)
	}
	return reply
}

// text is a reply as it is printed: the elements of arrays one after the other.
func text(reply interface{}) string {
	switch value := reply.(type) {
	case nil:
		return "nil"
	case []byte:
		return string(value)
	case []interface{}:
		texts := make([]string, len(value))
		for i, element := range value {
			texts[i] = text(element)
		}
		return strings.Join(texts, " ")
	default:
		return fmt.Sprint(value)
	}
}

func say(step string, replies ...interface{}) {
	fmt.Printf("%s: %s\n", step, text(replies))
}

// entries prints what XAUTOCLAIM and each stream of XREADGROUP hold: [[id, [field, value]] ...]
func entries(reply interface{}) string {
	found, err := redis.Values(reply, nil)
	if err != nil {
		log.Fatal(err)
	}
	texts := make([]string, len(found))
	for i, each := range found {
		entry := each.([]interface{})
		fields, _ := redis.StringMap(entry[1], nil)
		texts[i] = fmt.Sprintf("%s item=%s", entry[0], fields["item"])
	}
	return strings.Join(texts, " ")
}

func stringChapter(conn redis.Conn) {
	say("set", do(conn, "SET", "greeting", "grüße"))
	say("mget", do(conn, "MGET", "greeting", "nothing"))
	say("set again", do(conn, "SET", "greeting", "again", "NX"))
	say("counted", do(conn, "INCRBY", "visits", 42))
	do(conn, "SET", "bytes", []byte("\x00\xff\r\n"))
	say("bytes", hex.EncodeToString(do(conn, "GET", "bytes").([]byte)))
}

func listChapter(conn redis.Conn) {
	say("pushed", do(conn, "RPUSH", "jobs", "a", "b", "c"))
	say("moved", do(conn, "LMOVE", "jobs", "active", "LEFT", "RIGHT"))
	say("popped", do(conn, "BLPOP", "empty", "jobs", 1))
	say("left", do(conn, "LRANGE", "jobs", 0, -1))
	say("nothing", do(conn, "BRPOP", "empty", 0.01))
	say("waited", do(conn, "BLPOP", "later", 0))
}

func pubsubChapter() {
	listener := redis.PubSubConn{Conn: connect()}
	defer listener.Close()
	listener.Subscribe("news")
	for {
		switch event := listener.Receive().(type) {
		case redis.Message:
			if event.Pattern != "" {
				say("by pattern", event.Pattern, event.Channel, event.Data)
				return
			}
			say("message", event.Channel, event.Data)
			listener.Unsubscribe("news")
			listener.PSubscribe("n*")
		case error:
			log.Fatal(event)
		}
	}
}

func streamChapter(conn redis.Conn) {
	say("added", do(conn, "XADD", "orders", "1-1", "item", "tea"), do(conn, "XADD", "orders", "1-2", "item", "milk"))
	do(conn, "XGROUP", "CREATE", "orders", "shop", "0")
	read := func(options ...interface{}) string {
		args := append([]interface{}{"GROUP", "shop", "alice"}, options...)
		streams := do(conn, "XREADGROUP", append(args, "STREAMS", "orders", ">")...).([]interface{})
		return entries(streams[0].([]interface{})[1])
	}
	say("delivered", read())
	say("acknowledged", do(conn, "XACK", "orders", "shop", "1-1"))
	pending := do(conn, "XPENDING", "orders", "shop").([]interface{})
	say("pending", pending[0], pending[1], pending[2])
	claimed := do(conn, "XAUTOCLAIM", "orders", "shop", "bob", 0, "0").([]interface{})
	say("claimed", entries(claimed[1]))
	say("waited", read("BLOCK", 0))
}

func transactionChapter(conn redis.Conn) {
	conn.Send("MULTI")
	conn.Send("SET", "stock", 1)
	conn.Send("INCR", "stock")
	conn.Send("INCRBY", "stock", 5)
	say("exec", do(conn, "EXEC"))

	do(conn, "WATCH", "stock")
	other := connect()
	do(other, "INCR", "stock")
	other.Close()
	conn.Send("MULTI")
	conn.Send("SET", "stock", 0)
	say("watched", do(conn, "EXEC"))

	if _, err := conn.Do("LPUSH", "stock", "x"); err != nil {
		say("error", err)
	}
}

func scriptChapter(conn redis.Conn) {
	eval, err := script.Do(conn, "stock", 2) // EVALSHA, and EVAL when the server does not know the script
	if err != nil {
		log.Fatal(err)
	}
	say("eval", eval)
	say("evalsha", do(conn, "EVALSHA", script.Hash(), 1, "stock", 3))
	if _, err := conn.Do("EVALSHA", strings.Repeat("f", 40), 0); err != nil {
		say("unknown", strings.Fields(err.Error())[0])
	}
	do(conn, "FUNCTION", "LOAD", library)
	say("function", do(conn, "FCALL", "sell", 1, "stock", 4))
}

func main() {
	conn := connect()
	defer conn.Close()
	stringChapter(conn)
	listChapter(conn)
	pubsubChapter()
	streamChapter(conn)
	transactionChapter(conn)
	scriptChapter(conn)
}
