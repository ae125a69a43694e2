#!/usr/bin/env python3
"""Runs two nsqadmins side by side on one real cluster and compares what they answer.

    compare_with_original.py OURS ORIGINAL FOLDER_WITH_NSQD_AND_NSQLOOKUPD

Run by hand: the original is no part of this project. Two nsqlookupd, three nsqd, one of which is
killed half-way and one stopped (SIGSTOP), by lookup and with nsqds given. Known differences, where
the original has a bug, are listed in DIFFERENT with the reason; all else must be the same, value by
value and in the order of keys. Exit status 1 if anything differs.
"""
import json, os, re, shutil, signal, socket, subprocess, sys, tempfile, threading, time
import urllib.error, urllib.parse, urllib.request

OURS, ORIGINAL, DAEMONS = sys.argv[1:4]
WORK = tempfile.mkdtemp(prefix='nsqadmin-compare-')
children = []


def free_port():
    with socket.socket() as s:
        s.bind(('127.0.0.1', 0))
        return s.getsockname()[1]


def start(*arguments):
    log = open(os.path.join(WORK, f'{len(children)}.log'), 'wb')
    child = subprocess.Popen(arguments, stdout=log, stderr=log)
    children.append(child)
    return child


def ask(port, path, method='GET', body=None, headers=None, raw=False):
    request = urllib.request.Request(f'http://127.0.0.1:{port}{path}', method=method, headers=headers or {},
                                     data=body.encode() if body is not None else None)
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:
            status, text, head = answer.status, answer.read(), answer.headers
    except urllib.error.HTTPError as error:
        status, text, head = error.code, error.read(), error.headers
    return (status, text.decode(), head) if raw else (status, text.decode())


def wait_for(port, path='/ping'):
    for _ in range(200):
        try:
            if ask(port, path)[0] == 200:
                return
        except OSError:
            pass
        time.sleep(0.05)
    raise SystemExit(f'nothing answers at {port}')


class Nsqd:
    def __init__(self, number, lookupds):
        self.tcp, self.http = free_port(), free_port()
        folder = os.path.join(WORK, f'nsqd{number}')
        os.mkdir(folder)
        self.process = start(f'{DAEMONS}/nsqd', f'-tcp-address=127.0.0.1:{self.tcp}', f'-http-address=127.0.0.1:{self.http}',
                             '-broadcast-address=127.0.0.1', f'-data-path={folder}', '-e2e-processing-latency-percentile=1.0,0.99,0.5',
                             '-e2e-processing-latency-window-time=10m', *[f'-lookupd-tcp-address=127.0.0.1:{p}' for p in lookupds])
        wait_for(self.http)

    def pub(self, topic, count):
        body = '\n'.join(f'message {i}' for i in range(count))
        assert ask(self.http, f'/mpub?topic={urllib.parse.quote(topic)}', 'POST', body)[0] == 200

    def post(self, path):
        assert ask(self.http, path, 'POST', '')[0] == 200, path


class Consumer:
    """SUB with RDY, FIN of the first `finish` messages, then heartbeats only."""

    def __init__(self, nsqd, topic, channel, ready, finish, identity):
        self.socket = socket.create_connection(('127.0.0.1', nsqd.tcp))
        body = json.dumps(identity).encode()
        self.socket.sendall(b'  V2IDENTIFY\n' + len(body).to_bytes(4, 'big') + body
                            + f'SUB {topic} {channel}\nRDY {ready}\n'.encode())
        self.finish, self.finished = finish, threading.Event()
        if finish == 0:
            self.finished.set()
        threading.Thread(target=self.run, daemon=True).start()

    def read(self, n):
        data = b''
        while len(data) < n:
            more = self.socket.recv(n - len(data))
            if not more:
                raise OSError
            data += more
        return data

    def run(self):
        done = 0
        try:
            while True:
                size = int.from_bytes(self.read(4), 'big')
                frame = self.read(size)
                kind, data = int.from_bytes(frame[:4], 'big'), frame[4:]
                if kind == 0 and data == b'_heartbeat_':
                    self.socket.sendall(b'NOP\n')
                elif kind == 2 and done < self.finish:
                    self.socket.sendall(b'FIN ' + data[10:26] + b'\n')
                    done += 1
                    if done == self.finish:
                        self.finished.set()
        except OSError:
            pass


# Where ours says something else on purpose: request, why.
DIFFERENT = [
    (r'GET /api/topics/unknown$', '404 TOPIC_NOT_FOUND instead of 502'),
    (r'GET /api/topics/orders/unknown$', '404 CHANNEL_NOT_FOUND instead of a crash'),
    (r'GET /api/topics/forgotten$', 'without nsqlookupd nobody knows it: 404 instead of 502'),
    (r'GET (/ops|/ops/|/)$', 'the index document is our own'),
    (r'POST /api/topics {"TOPIC":"orders","channel":"made"} x', 'without nsqlookupd it is made on every nsqd'),
    (r'(POST|DELETE) /api/topics/unknown(/c)? ', '404 TOPIC_NOT_FOUND instead of 502'),
    (r'DELETE /api/nodes/127.0.0.1:1 ', 'not of this cluster: 404, and nobody is asked'),
]


def strip(value, path=''):
    if isinstance(value, dict):
        result = {}
        for key, item in value.items():
            if key == 'connected':
                item = 0
            elif key == 'min':
                item = 'min'  # the original's is that of the node merged last
            elif key in ('average', 'max', 'value') and isinstance(item, float):
                item = round(item, 3)
            elif key == 'remote_address' and 'remote_addresses' in value:
                item = 'of the nsqlookupd that answered first'
            elif key == 'remote_addresses' and item:
                item = sorted(item)
            elif key == 'clients' and item:
                item = sorted(item, key=lambda c: (c['node'], c['remote_address']))
            result[key] = strip(item, f'{path}.{key}')
        return result
    if isinstance(value, list):
        items = [strip(item, path) for item in value]
        # All daemons here have one host name: who stands first among equals is who answered first.
        if path.endswith('.nodes') and items and isinstance(items[0], dict):
            items.sort(key=lambda n: (n.get('hostname', ''), n.get('node', ''), n.get('http_port', 0)))
        return items
    return value


def unalias(document):
    """The original shows cluster totals inside the first node's channels, and leaves that node out
    of the channels' nodes (spec, 5.3): what can be compared is what is left without both."""
    if not isinstance(document, dict) or 'topic_name' not in document or 'channel_name' in document:
        return document
    for channel in document.get('channels') or []:
        channel['nodes'] = 'nodes'
        channel['node'] = 'node'
        channel['hostname'] = 'hostname'
        channel['e2e_processing_latency'] = 'e2e'
        channel['clients'] = 'clients'
    for node in document.get('nodes') or []:
        node['channels'] = 'channels'
    return document


def keys(value):
    if isinstance(value, dict):
        return [(k, keys(v)) for k, v in value.items()]
    if isinstance(value, list):
        return [keys(v) for v in value]
    return None


def where(ours, theirs, path=''):
    if isinstance(ours, dict) and isinstance(theirs, dict) and list(ours) == list(theirs):
        for key in ours:
            where(ours[key], theirs[key], f'{path}.{key}')
    elif isinstance(ours, list) and isinstance(theirs, list) and len(ours) == len(theirs):
        for i, (a, b) in enumerate(zip(ours, theirs)):
            where(a, b, f'{path}[{i}]')
    elif ours != theirs:
        print(f'   at {path}:\n     ours   {json.dumps(ours)[:600]}\n     theirs {json.dumps(theirs)[:600]}')


differences = 0


def compare(ports, method, path, body=None, headers=None):
    global differences
    name = f'{method} {path}' + (f' {body}' if body is not None or method != 'GET' else '')
    answers = [ask(port, path, method, body, headers, raw=True) for port in ports]
    (status, text, head), (their_status, their_text, their_head) = answers
    reason = next((why for pattern, why in DIFFERENT if re.match(pattern, name)), None)
    try:
        ours, theirs = (unalias(strip(json.loads(t))) for t in (text, their_text))
    except ValueError:
        ours, theirs = text, their_text
    def sorted_message(document):
        if isinstance(document, dict) and isinstance(document.get('message'), str):
            text_ = document['message'].replace('net/http: timeout awaiting response headers', 'context deadline exceeded')
            document['message'] = sorted(re.split(r'\n|; |: (?=Get|Post)', text_))
        return document
    ours, theirs = sorted_message(ours), sorted_message(theirs)
    head_names = ('Content-Type', 'X-Nsq-Content-Type', 'Allow', 'Location')
    heads = [[h.get(n) for n in head_names] for h in (head, their_head)]
    same = status == their_status and ours == theirs and keys(ours) == keys(theirs) and heads[0] == heads[1]
    if same:
        print('same     ', name, status)
    elif reason:
        print('different', name, '-', reason, f'({status} {text[:60]!r} / {their_status} {their_text[:60]!r})')
    else:
        differences += 1
        print('DIFFERENT', name)
        print('   ours  ', status, heads[0])
        print('   theirs', their_status, heads[1])
        where(ours, theirs)
    return answers


def main():
    lookupds = [(free_port(), free_port()) for _ in range(2)]
    for tcp, http in lookupds:
        start(f'{DAEMONS}/nsqlookupd', f'-tcp-address=127.0.0.1:{tcp}', f'-http-address=127.0.0.1:{http}')
        wait_for(http)
    nsqds = [Nsqd(i, [tcp for tcp, _ in lookupds]) for i in range(3)]
    for nsqd in nsqds[:2]:
        nsqd.pub('orders', 60)
        for channel in ('archive', 'billing'):
            nsqd.post(f'/channel/create?topic=orders&channel={channel}')
    nsqds[2].pub('orders', 5)
    nsqds[2].post('/channel/create?topic=orders&channel=billing')
    nsqds[0].pub('temp#ephemeral', 3)
    nsqds[0].post('/topic/create?topic=paused')
    nsqds[0].post('/topic/pause?topic=paused')
    nsqds[0].pub('paused', 7)
    nsqds[1].post('/topic/create?topic=alone')
    nsqds[1].post('/channel/create?topic=alone&channel=c')
    nsqds[1].post('/channel/pause?topic=alone&channel=c')
    nsqds[1].pub('alone', 4)
    consumers = [Consumer(nsqds[0], 'orders', 'billing', 20, 30, {'client_id': 'one', 'hostname': 'one.example', 'user_agent': 'compare/1'}),
                 Consumer(nsqds[0], 'orders', 'billing', 1, 0, {'client_id': 'two', 'hostname': 'two', 'user_agent': '<b>"x"'}),
                 Consumer(nsqds[1], 'orders', 'billing', 5, 20, {'client_id': 'three', 'hostname': 'three', 'sample_rate': 50})]
    for consumer in consumers[:1]:
        consumer.finished.wait(10)
    ask(lookupds[0][1], '/topic/create?topic=forgotten', 'POST', '')
    ask(lookupds[0][1], '/channel/create?topic=forgotten&channel=old', 'POST', '')
    time.sleep(1)

    by_lookup = [f'-lookupd-http-address=127.0.0.1:{http}' for _, http in lookupds]
    direct = [f'-nsqd-http-address=127.0.0.1:{n.http}' for n in nsqds]
    reads = ['/api/topics', '/api/topics?inactive=true', '/api/topics?inactive=%zz', '/api/topics/orders', '/api/topics/temp%23ephemeral',
             '/api/topics/paused', '/api/topics/alone', '/api/topics/forgotten', '/api/topics/unknown', '/api/topics/orders/billing',
             '/api/topics/orders/archive', '/api/topics/alone/c', '/api/topics/orders/unknown', '/api/nodes', '/api/counter',
             f'/api/nodes/127.0.0.1:{nsqds[0].http}', f'/api/nodes/127.0.0.1:{nsqds[1].http}', f'/api/nodes/127.0.0.1:{nsqds[2].http}',
             '/api/nodes/127.0.0.1:1', '/api/graphite', '/api/graphite?metric=rate', '/api/graphite?metric=x&target=y', '/ping', '/nothing',
             '/api/topics/', '/API/topics', '/api//topics', '/config/log_level', '/config/statsd_interval', '/config/admin_users',
             '/config/allow_config_from_cidr', '/config/nsqlookupd_http_addresses', '/config/nsqd_http_addresses', '/config/nope',
             '/config/base_path', '/config/http_client_request_timeout', '/config/acl_http_header', '/config/proxy_graphite',
             '/config/statsd_counter_format', '/config/graphite_url']
    # Changes that leave the same state behind when made twice, or are refused.
    changes = [('POST', '/api/topics', ''), ('POST', '/api/topics', 'x'), ('POST', '/api/topics', '{"topic":'), ('POST', '/api/topics', '{}'),
               ('POST', '/api/topics', '{"topic":"a b"}'), ('POST', '/api/topics', '{"topic":5}'), ('POST', '/api/topics', '[]'),
               ('POST', '/api/topics', '{"topic" "a"}'), ('POST', '/api/topics', '{x'), ('POST', '/api/topics', '"a"'), ('POST', '/api/topics', 'nul'),
               ('POST', '/api/topics', '{"topic":"ok","channel":"b c"}'), ('POST', '/api/topics', '{"topic":"made"}'),
               ('POST', '/api/topics', '{"TOPIC":"orders","channel":"made"} x'), ('POST', '/api/topics/orders', '{"action":"pause"}'),
               ('POST', '/api/topics/orders', '{"action":"unpause"}'), ('POST', '/api/topics/orders', '{"action":"drop"}'),
               ('POST', '/api/topics/orders', ''), ('POST', '/api/topics/orders/archive', '{"action":"pause"}'),
               ('POST', '/api/topics/orders/archive', '{"action":"empty"}'), ('POST', '/api/topics/orders/unknown', '{"action":"pause"}'),
               ('POST', '/api/topics/unknown', '{"action":"pause"}'), ('POST', '/api/topics/unknown/c', '{"action":"pause"}'),
               ('DELETE', '/api/topics/unknown', None), ('DELETE', '/api/nodes/127.0.0.1:1', '{"topic":"orders"}'),
               ('DELETE', f'/api/nodes/127.0.0.1:{nsqds[0].http}', ''), ('DELETE', f'/api/nodes/127.0.0.1:{nsqds[0].http}', '{"topic":"a b"}'),
               ('PUT', '/api/topics', None), ('HEAD', '/ping', None), ('OPTIONS', '/api/topics', None), ('OPTIONS', '/api/nodes/x', None),
               ('PUT', '/config/log_level', 'debug'), ('PUT', '/config/log_level', 'loud'), ('PUT', '/config/log_level', ''),
               ('PUT', '/config/base_path', 'x'), ('PUT', '/config/nsqlookupd_http_addresses', '{}'), ('PUT', '/config/nsqlookupd_http_addresses', 'x'),
               ('POST', '/api/topics', '{"topic":true}'), ('POST', '/api/topics/orders', '[]'), ('POST', '/api/topics/orders', '7')]
    for mode, flags in (('lookupd', by_lookup), ('direct', direct)):
        ports = [free_port(), free_port()]
        ours, theirs = (start(program, f'-http-address=127.0.0.1:{port}', '-http-client-request-timeout=1500ms', *flags)
                        for program, port in zip((OURS, ORIGINAL), ports))
        for port in ports:
            wait_for(port)
        print(f'--- {mode}')
        for path in reads:
            compare(ports, 'GET', path)
        for method, path, body in changes:
            compare(ports, method, path, body)
        print(f'--- {mode}: restricted')
        restricted = [free_port(), free_port()]
        for program, port in zip((OURS, ORIGINAL), restricted):
            start(program, f'-http-address=127.0.0.1:{port}', '-admin-user=root', '-base-path=ops/', *flags)
        for port in restricted:
            wait_for(port, '/ops/ping')
        for headers in ({}, {'X-Forwarded-User': 'root'}, {'X-Forwarded-User': 'Root'}):
            compare(restricted, 'POST', '/ops/api/topics', '', headers)
        for path in ('/ops/api/topics', '/api/topics', '/ops/', '/', '/ops/api/nodes'):
            compare(restricted, 'GET', path)
        if mode == 'lookupd':
            print('--- a stopped nsqd')
            os.kill(nsqds[1].process.pid, signal.SIGSTOP)
            for path in ('/api/topics/orders', '/api/topics/orders/billing', '/api/counter', '/api/topics/alone'):
                compare(ports, 'GET', path)
            compare(ports, 'POST', '/api/topics/orders', '{"action":"unpause"}')
            os.kill(nsqds[1].process.pid, signal.SIGCONT)
            print('--- a killed nsqlookupd')
            children[1].kill()
            time.sleep(0.3)
            for path in ('/api/topics', '/api/topics?inactive=true', '/api/topics/orders', '/api/nodes', '/api/counter'):
                compare(ports, 'GET', path)
        else:
            print('--- a killed nsqd')
            nsqds[2].process.kill()
            nsqds[2].process.wait()
            for path in ('/api/topics', '/api/topics/orders', '/api/topics/orders/billing', '/api/nodes', '/api/counter'):
                compare(ports, 'GET', path)
            compare(ports, 'POST', '/api/topics/orders', '{"action":"unpause"}')
            for nsqd in nsqds[:2]:
                nsqd.process.kill()
                nsqd.process.wait()
            print('--- all killed')
            for path in ('/api/topics', '/api/topics/orders', '/api/nodes', '/api/counter', '/api/topics/orders/billing'):
                compare(ports, 'GET', path)
        ours.terminate()
        theirs.terminate()
    print(f'{differences} unexpected differences')
    return 1 if differences else 0


try:
    code = main()
finally:
    for child in children:
        if child.poll() is None:
            child.kill()
            child.wait()
    shutil.rmtree(WORK, ignore_errors=True)
sys.exit(code)
