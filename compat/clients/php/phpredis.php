<?php
// The scenario of ../scenario.py with phpredis: php phpredis.php PORT
declare(strict_types=1);

const SCRIPT = "return {KEYS[1], redis.call('INCRBY', KEYS[1], ARGV[1])}";
const LIBRARY = "#!lua name=shop\n"
    . "redis.register_function('sell', function(keys, args) return redis.call('DECRBY', keys[1], args[1]) end)\n";

function say(string $step, mixed ...$values): void
{
    $printed = array_map(fn ($value) => match ($value) {
        true => 'OK',
        false, null, [] => 'nil', // phpredis has no other null
        default => (string) $value,
    }, $values);
    echo $step, ': ', implode(' ', $printed), "\n";
}

function entries(array $found): array
{
    return array_map(fn ($id, $fields) => "$id item=$fields[item]", array_keys($found), $found);
}

function connect(): Redis
{
    $redis = new Redis();
    $redis->connect('127.0.0.1', (int) $_SERVER['argv'][1]);
    return $redis;
}

function strings(Redis $redis): void
{
    say('set', $redis->set('greeting', 'grüße'));
    say('mget', ...$redis->mGet(['greeting', 'nothing']));
    say('set again', $redis->set('greeting', 'again', ['nx']));
    say('counted', $redis->incrBy('visits', 42));
    $redis->set('bytes', "\x00\xff\r\n");
    say('bytes', bin2hex($redis->get('bytes')));
}

function lists(Redis $redis): void
{
    say('pushed', $redis->rPush('jobs', 'a', 'b', 'c'));
    say('moved', $redis->rawCommand('LMOVE', 'jobs', 'active', 'LEFT', 'RIGHT'));
    say('popped', ...$redis->blPop(['empty', 'jobs'], 1));
    say('left', ...$redis->lRange('jobs', 0, -1));
    say('nothing', $redis->rawCommand('BRPOP', 'empty', '0.01'));
    say('waited', ...$redis->blPop('later', 0));
}

/** Listen until the callback closes the connection, which is how subscribe() and psubscribe() end. */
function listen(string $how, string $what, callable $callback): void
{
    try {
        connect()->$how([$what], $callback);
    } catch (RedisException) {
    }
}

function pubsub(): void
{
    listen('subscribe', 'news', function (Redis $listener, string $channel, string $message) {
        say('message', $channel, $message);
        $listener->close();
    });
    listen('psubscribe', 'n*', function (Redis $listener, string $pattern, string $channel, string $message) {
        say('by pattern', $pattern, $channel, $message);
        $listener->close();
    });
}

function streams(Redis $redis): void
{
    say('added', $redis->xAdd('orders', '1-1', ['item' => 'tea']), $redis->xAdd('orders', '1-2', ['item' => 'milk']));
    $redis->xGroup('CREATE', 'orders', 'shop', '0');
    say('delivered', ...entries($redis->xReadGroup('shop', 'alice', ['orders' => '>'], 10)['orders']));
    say('acknowledged', $redis->xAck('orders', 'shop', ['1-1']));
    [$count, $first, $last] = $redis->xPending('orders', 'shop');
    say('pending', $count, $first, $last);
    [, $claimed] = $redis->rawCommand('XAUTOCLAIM', 'orders', 'shop', 'bob', 0, '0');
    say('claimed', ...array_map(fn ($entry) => "$entry[0] item={$entry[1][1]}", $claimed));
    say('waited', ...entries($redis->xReadGroup('shop', 'alice', ['orders' => '>'], 10, 0)['orders']));
}

function transactions(Redis $redis): void
{
    say('exec', ...$redis->multi()->set('stock', '1')->incr('stock')->incrBy('stock', 5)->exec());
    $redis->watch('stock');
    connect()->incr('stock'); // somebody else
    say('watched', $redis->multi()->set('stock', '0')->exec());
    $redis->lPush('stock', 'x');
    say('error', rtrim($redis->getLastError()));
}

function scripts(Redis $redis): void
{
    say('eval', ...$redis->eval(SCRIPT, ['stock', 2], 1));
    say('evalsha', ...$redis->evalSha($redis->script('load', SCRIPT), ['stock', 3], 1));
    $redis->clearLastError();
    $redis->evalSha(str_repeat('f', 40));
    say('unknown', strtok($redis->getLastError(), ' '));
    $redis->rawCommand('FUNCTION', 'LOAD', LIBRARY);
    say('function', $redis->rawCommand('FCALL', 'sell', 1, 'stock', 4));
}

$redis = connect();
strings($redis);
lists($redis);
pubsub();
streams($redis);
transactions($redis);
scripts($redis);
