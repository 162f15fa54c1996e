"""Small servers and clients for the network tests: serve SPEC..., or ask SPEC; a spec is key=value words.

serve  kind=tcp|udp family=4|6 at=ADDRESS port=N only=0|1 (IPV6_V6ONLY) reuse=1 (SO_REUSEPORT) share=1 (SO_REUSEADDR)
       device=NAME (SO_BINDTODEVICE) without bind: nobind=1 tag=TEXT,
       listen=0: bound at once, listening when a line comes in; group=ADDRESS interface=ADDRESS (IPv6: NAME): joins it;
       speak=ADDRESS: a datagram socket that is given its port by sending there
       prints `bound ADDRESS PORT` for each spec, then answers every client: TAG, the local address, the peer's address;
       ends with its standard input.
ask    kind=… family=… to=ADDRESS port=N [source=ADDRESS] [pktinfo=ADDRESS] [connected=1] [option=freebind|transparent|freebind6|transparent6]
       [broadcast=1] [late=MILLISECONDS: stays connected so long]
       prints the answer, the own address and the peer's, or the name of the error.
forge  source=ADDRESS to=ADDRESS port=N [echo=1]: sends a datagram or an echo request with a header of its own making, by a
       raw socket.
ping   kind=raw|ping to=ADDRESS [pktinfo=ADDRESS] [option=…]: sends an echo request, prints `answered` or the error.
bind   kind=tcp|udp|udplite|raw|ping|sctp|packet… family=… at=ADDRESS [port=N]: prints the address it got, or the error;
       of a family that is none of the network's `made`.
"""
import errno, select, socket, struct, sys, time

KINDS = {
    "tcp": (socket.SOCK_STREAM, 0), "mptcp": (socket.SOCK_STREAM, 262), "udp": (socket.SOCK_DGRAM, 0),
    "udplite": (socket.SOCK_DGRAM, 136), "raw": (socket.SOCK_RAW, 1), "raw6": (socket.SOCK_RAW, 58),
    "ping": (socket.SOCK_DGRAM, 1), "sctp": (socket.SOCK_STREAM, 132), "seqpacket": (socket.SOCK_SEQPACKET, 0),
}
# Of other families: AF_PACKET, AF_XDP, AF_VSOCK, AF_ALG.
OTHERS = {"packet": (17, socket.SOCK_RAW, socket.htons(3)), "xdp": (44, socket.SOCK_RAW, 0),
          "vsock": (40, socket.SOCK_STREAM, 0), "alg": (38, socket.SOCK_SEQPACKET, 0)}
OPTIONS = {"freebind": (0, 15), "transparent": (0, 19), "freebind6": (41, 78), "transparent6": (41, 75)}

def place(made, address, port):
    """With the number of the link that an IPv6 address may name."""
    return socket.getaddrinfo(address or None, int(port), made.family, socket.SOCK_STREAM, 0, socket.AI_PASSIVE)[0][4]

def spec(word):
    return dict(pair.split("=", 1) for pair in word.split(","))

def make(s):
    if s["kind"] in OTHERS:
        return socket.socket(*OTHERS[s["kind"]])
    kind, protocol = KINDS[s.get("kind", "tcp")]
    made = socket.socket(socket.AF_INET6 if s.get("family") == "6" else socket.AF_INET, kind, protocol)
    made.settimeout(float(s.get("patience", "4")))
    if "only" in s:
        made.setsockopt(41, 26, int(s["only"]))
    if "reuse" in s:
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    if "share" in s:
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    if "device" in s:
        made.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, s["device"].encode())
    if "option" in s:
        made.setsockopt(*OPTIONS[s["option"]], 1)
    if "broadcast" in s:
        made.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
    return made

def pktinfo(s):
    """The ancillary data that asks for a source."""
    if s.get("family") == "6":
        return (41, 50, struct.pack("=16sI", socket.inet_pton(socket.AF_INET6, s["pktinfo"]), 0))
    return (0, 8, struct.pack("=I4s4s", 0, socket.inet_aton(s["pktinfo"]), b"\0" * 4))

def join(made, group, interface):
    if ":" in group:
        made.setsockopt(41, 20, socket.inet_pton(socket.AF_INET6, group) + struct.pack("=I", socket.if_nametoindex(interface)))
    else:
        made.setsockopt(0, 35, socket.inet_aton(group) + socket.inet_aton(interface))

def serve(words):
    sockets, kept = {}, []
    for word in words:
        s = spec(word)
        made = make(s)
        stream = made.type & 0xf == socket.SOCK_STREAM
        if stream:
            made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if "speak" in s:
            made.sendto(b"x", (s["speak"], 9))
        elif "nobind" not in s:
            made.bind(place(made, s.get("at"), s.get("port", "0")))
        if "group" in s:
            join(made, s["group"], s["interface"])
        if "listen" in s:
            print("bound", *made.getsockname()[:2], flush=True)
            sys.stdin.readline()
        if stream:
            made.listen(16)
        sockets[made] = s.get("tag", "?")
        if "listen" not in s:
            print("bound", *made.getsockname()[:2], flush=True)
    while True:
        for ready in select.select([sys.stdin, *sockets], [], [])[0]:
            if ready is sys.stdin:
                return
            try:
                if ready.type & 0xf == socket.SOCK_STREAM:
                    client, peer = ready.accept()
                    client.send(f"{sockets[ready]} {client.getsockname()[0]} {peer[0]}".encode())
                    # The further paths of MPTCP are opened while it lives.
                    kept.append(client) if ready.proto == 262 else client.close()
                else:
                    _, peer = ready.recvfrom(2000)
                    ready.sendto(f"{sockets[ready]} {ready.getsockname()[0]} {peer[0]}".encode(), peer)
            except OSError:
                pass

def ask(s):
    made = make(s)
    to = place(made, s["to"], s["port"])
    if "source" in s:
        made.bind(place(made, s["source"], 0))
    if made.type & 0xf == socket.SOCK_STREAM:
        if "fastopen" in s:
            made.settimeout(None)
            made.sendto(b"x", 0x20000000, to)
        else:
            made.connect(to)
        # Who sends with the first packet may be answered and left before it can ask for the peer.
        own, peer = made.getsockname()[0], "-" if "fastopen" in s else made.getpeername()[0]
        print(made.recv(2000).decode(), "own", own, "peer", peer)
        time.sleep(int(s.get("late", "0")) / 1000)
        return
    elif "pktinfo" in s:
        if "connected" in s:
            made.connect(to)
        made.sendmsg([b"x"], [pktinfo(s)], 0, *([] if "connected" in s else [to]))
        answer, _ = made.recvfrom(2000)
    elif "connected" in s:
        made.connect(to)
        made.send(b"x")
        answer = made.recv(2000)
    else:
        made.sendto(b"x", to)
        answer, peer = made.recvfrom(2000)
        print(answer.decode(), "from", peer[0])
        return
    print(answer.decode(), "own", made.getsockname()[0])

def bind(s):
    made = make(s)
    if s["kind"] in OTHERS:
        print("made")
        return
    made.bind(place(made, s.get("at"), s.get("port", "0")))
    print("bound", made.getsockname()[0])

def forge(s):
    raw = socket.socket(socket.AF_INET, socket.SOCK_RAW, 255)
    source, to = socket.inet_aton(s["source"]), socket.inet_aton(s["to"])
    datagram = ECHO if "echo" in s else struct.pack(">HHHH", 4000, int(s["port"]), 9, 0) + b"x"
    header = (0x45, 0, 20 + len(datagram), 0, 0, 64, 1 if "echo" in s else 17, 0, source, to)
    raw.sendto(struct.pack(">BBHHHBBH4s4s", *header) + datagram, (s["to"], 0))
    print("sent")

# Type 8, its sum, number 0, sequence 1.
ECHO = struct.pack(">BBHHH", 8, 0, 0xf7fe, 0, 1)

def ping(s):
    made = make(s)
    made.sendmsg([ECHO], [pktinfo(s)] if "pktinfo" in s else [], 0, (s["to"], 0))
    made.recv(2000)
    print("answered")

if __name__ == "__main__":
    verb, *words = sys.argv[1:]
    if verb == "serve":
        serve(words)
    for word in words:
        try:
            {"ask": ask, "bind": bind, "forge": forge, "ping": ping}[verb](spec(word))
        except socket.timeout:
            print("timeout")
        except OSError as error:
            print(errno.errorcode.get(error.errno, error))
        sys.stdout.flush()
