// One connection of this page to the server, for all jobs that it shows: events while they come,
// plain requests every two seconds where something in between holds them back.
const HELLO_MS = 4000; // the server says hello at once
const POLL_MS = 2000;
const POLLS_BEFORE_RETRY = 15;
const SILENCE_MS = 25000; // the server is heard every ten seconds at the least
const MOST_STREAMS = 3; // of one browser: with HTTP/1.1 it has six connections to a server
const CLAIM_MS = 150;

class Claims {
  // Which tabs of this browser may hold a stream: the oldest few; the others ask now and then.
  constructor() {
    this.mine = null;
    this.others = new Map();
    this.channel = "BroadcastChannel" in window ? new BroadcastChannel("explorer streams") : null;
    if (!this.channel) return;
    this.channel.onmessage = ({ data }) => {
      if (data.kind === "gone") this.others.delete(data.id);
      else this.others.set(data.id, data.since);
      if (data.kind === "who" && this.mine) this.say("me");
    };
    window.addEventListener("pagehide", () => this.release());
  }
  say(kind) {
    this.channel.postMessage({ kind, ...this.mine });
  }
  async isFree() {
    if (!this.channel) return true;
    this.mine ??= { id: Math.random().toString(36).slice(2), since: Date.now() };
    this.others.clear();
    this.say("who");
    await new Promise((done) => setTimeout(done, CLAIM_MS));
    if (!this.mine) return false;
    const { id, since } = this.mine;
    const older = [...this.others].filter(([o, s]) => s < since || (s === since && o < id));
    if (older.length < MOST_STREAMS) return true;
    this.release();
    return false;
  }
  release() {
    if (this.channel && this.mine) this.say("gone");
    this.mine = null;
  }
}

class Stream {
  constructor() {
    this.jobs = new Map(); // id -> { seen, listeners, fresh }
    this.claims = new Claims();
    this.last = ""; // up to where the server has told everything about `asked`
    this.asked = new Set();
    this.source = null;
    this.polling = null;
    this.turn = 0; // a newer attempt makes older ones void
    document.addEventListener("visibilitychange", () => this.soon());
    setInterval(() => this.look(), 5000);
  }
  // Calls `hear(seen, connection)` whenever there is news of a job, until the returned function
  // is called.
  listen(job, hear) {
    if (!this.jobs.has(job)) {
      this.jobs.set(job, { seen: nothing(), listeners: new Set(), fresh: true });
      this.soon();
    }
    const kept = this.jobs.get(job);
    kept.listeners.add(hear);
    return () => {
      kept.listeners.delete(hear);
      if (kept.listeners.size || this.jobs.get(job) !== kept) return;
      this.jobs.delete(job);
      this.soon();
    };
  }
  soon() {
    clearTimeout(this.starting);
    this.starting = setTimeout(() => this.start(), 50);
  }
  async start() {
    this.close();
    if (!this.jobs.size || document.visibilityState === "hidden") return this.claims.release();
    const turn = this.turn;
    const free = await this.claims.isFree();
    if (turn !== this.turn) return;
    this.held = false;
    if (free) this.open();
    else this.poll();
  }
  close() {
    this.turn += 1;
    clearTimeout(this.waiting);
    clearTimeout(this.polling);
    this.source?.close();
    this.source = this.polling = null;
  }
  address(name) {
    const found = new URL(`live/${name}`, document.baseURI); // beside the page, below any base path
    this.asked = new Set(this.jobs.keys());
    for (const [job, { fresh }] of this.jobs) {
      found.searchParams.append("job", job);
      if (fresh) found.searchParams.append("new", job);
    }
    if (this.last) found.searchParams.set("after", this.last);
    return found;
  }
  open() {
    const source = (this.source = new EventSource(this.address("events")));
    this.heard = Date.now();
    const wait = () => {
      clearTimeout(this.waiting);
      this.waiting = setTimeout(() => this.give(source, true), HELLO_MS);
    };
    wait();
    source.addEventListener("hello", () => {
      clearTimeout(this.waiting);
      clearTimeout(this.polling);
      this.polling = null;
      this.turn += 1; // what is still being asked for comes this way now
      this.heard = Date.now();
      this.say("live");
    });
    source.addEventListener("beat", (event) => this.note(event.lastEventId));
    source.onmessage = (event) => {
      this.take([JSON.parse(event.data)]);
      this.note(event.lastEventId);
    };
    source.onerror = () => {
      if (source !== this.source) return;
      this.say("lost");
      if (source.readyState === EventSource.CLOSED) this.give(source, false);
      else wait(); // the browser tries again by itself
    };
  }
  note(id) {
    this.heard = Date.now();
    if (!id) return;
    this.last = id;
    for (const [job, kept] of this.jobs) if (this.asked.has(job)) kept.fresh = false;
  }
  // No hello: something holds the stream back, or the server is away. Ask it now and then.
  give(source, held) {
    if (source !== this.source) return;
    this.held = held;
    source.close();
    this.source = null;
    this.claims.release();
    if (!this.polling) this.poll();
  }
  look() {
    if (!this.source || this.polling || Date.now() - this.heard < SILENCE_MS) return;
    this.say("lost");
    this.start();
  }
  async poll(count = 0) {
    const turn = this.turn;
    let lost = false;
    try {
      const answer = await fetch(this.address("news"), { cache: "no-store" });
      if (!answer.ok) throw new Error(String(answer.status));
      const { id, messages } = await answer.json();
      if (turn !== this.turn) return;
      this.take(messages);
      this.note(id);
      this.say(this.held ? "held" : "polling");
    } catch {
      lost = true;
      if (turn === this.turn) this.say("lost");
    }
    if (turn !== this.turn || !this.jobs.size) return;
    const again = count >= POLLS_BEFORE_RETRY || (this.wasLost && !lost);
    this.wasLost = lost;
    this.polling = setTimeout(() => this.poll(again ? 0 : count + 1), POLL_MS);
    if (again && !this.source && (await this.claims.isFree()) && turn === this.turn) this.open();
  }
  take(messages) {
    for (const message of messages) {
      const kept = this.jobs.get(message.job);
      if (!kept) continue;
      add(kept.seen, message);
      for (const hear of kept.listeners) hear(kept.seen, this.connection ?? "live");
    }
  }
  say(connection) {
    if (connection === this.connection) return;
    this.connection = connection;
    for (const { seen, listeners } of this.jobs.values()) for (const hear of listeners) hear(seen, connection);
  }
}

// One for the page, however often this module is loaded.
const stream = (globalThis[Symbol.for("explorer stream")] ??= new Stream());
