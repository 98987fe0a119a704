# frozen_string_literal: true

# The scenario of ../scenario.py with redis-rb: ruby redis-rb.rb PORT
require "redis"

PORT = Integer(ARGV[0])
SCRIPT = "return {KEYS[1], redis.call('INCRBY', KEYS[1], ARGV[1])}"
LIBRARY = <<~LUA
  #!lua name=shop
  redis.register_function('sell', function(keys, args) return redis.call('DECRBY', keys[1], args[1]) end)
LUA

def say(step, *values)
  puts "#{step}: #{values.map { |value| value.nil? ? "nil" : value }.join(" ")}"
end

def entries(found)
  found.map { |id, fields| "#{id} item=#{fields["item"]}" }
end

def strings(redis)
  say "set", redis.set("greeting", "grüße")
  say "mget", *redis.mget("greeting", "nothing")
  say "set again", redis.set("greeting", "again", nx: true) || nil
  say "counted", redis.incrby("visits", 42)
  redis.set("bytes", "\x00\xFF\r\n".b)
  say "bytes", redis.get("bytes").unpack1("H*")
end

def lists(redis)
  say "pushed", redis.rpush("jobs", %w[a b c])
  say "moved", redis.lmove("jobs", "active", "LEFT", "RIGHT")
  say "popped", *redis.blpop("empty", "jobs", timeout: 1)
  say "left", *redis.lrange("jobs", 0, -1)
  say "nothing", redis.brpop("empty", timeout: 0.01)
  say "waited", *redis.blpop("later", timeout: 0)
end

def pubsub
  listener = Redis.new(port: PORT)
  listener.subscribe("news") do |on|
    on.message do |channel, message|
      say "message", channel, message
      listener.unsubscribe
    end
  end
  listener.psubscribe("n*") do |on|
    on.pmessage do |pattern, channel, message|
      say "by pattern", pattern, channel, message
      listener.punsubscribe
    end
  end
end

def streams(redis)
  say "added", redis.xadd("orders", { item: "tea" }, id: "1-1"), redis.xadd("orders", { item: "milk" }, id: "1-2")
  redis.xgroup(:create, "orders", "shop", "0")
  say "delivered", *entries(redis.xreadgroup("shop", "alice", "orders", ">", count: 10)["orders"])
  say "acknowledged", redis.xack("orders", "shop", "1-1")
  say "pending", *redis.xpending("orders", "shop").values_at("size", "min_entry_id", "max_entry_id")
  say "claimed", *entries(redis.xautoclaim("orders", "shop", "bob", 0, "0")["entries"])
  say "waited", *entries(redis.xreadgroup("shop", "alice", "orders", ">", block: 0)["orders"])
end

def transactions(redis)
  results = redis.multi do |transaction|
    transaction.set("stock", 1)
    transaction.incr("stock")
    transaction.incrby("stock", 5)
  end
  say "exec", *results
  aborted = redis.watch("stock") do
    Redis.new(port: PORT).incr("stock") # somebody else
    redis.multi { |transaction| transaction.set("stock", 0) }
  end
  say "watched", aborted
  redis.lpush("stock", "x")
rescue Redis::CommandError => e
  say "error", e.message
end

def scripts(redis)
  say "eval", *redis.eval(SCRIPT, ["stock"], [2])
  say "evalsha", *redis.evalsha(redis.script(:load, SCRIPT), ["stock"], [3])
  begin
    redis.evalsha("f" * 40)
  rescue Redis::CommandError => e
    say "unknown", e.message.split.first
  end
  redis.call("FUNCTION", "LOAD", LIBRARY)
  say "function", redis.call("FCALL", "sell", 1, "stock", 4)
end

redis = Redis.new(port: PORT)
strings(redis)
lists(redis)
pubsub
streams(redis)
transactions(redis)
scripts(redis)
