// What pages do by themselves. Without this script each of them is whole, and each action is a form.
"use strict";
(() => {
  const $ = (id) => document.getElementById(id);
  const title = document.title.replace(/^\(\d+\) /, "");

  // A sound and a notification, where somebody has asked for them in this browser.
  const kept = { get: (name) => { try { return localStorage.getItem(name) === "1"; } catch { return false; } }, set: (name, is) => { try { localStorage.setItem(name, is ? "1" : "0"); } catch { /* It holds for this page. */ } } };
  const wants = { sound: kept.get("piprov.sound"), notify: kept.get("piprov.notify") };
  let audio = null;
  const beep = () => {
    if (!audio || audio.state !== "running") return;
    for (const [at, pitch] of [[0, 660], [0.25, 440]]) {
      const tone = audio.createOscillator(), loud = audio.createGain();
      tone.frequency.value = pitch;
      loud.gain.setValueAtTime(0.25, audio.currentTime + at);
      loud.gain.exponentialRampToValueAtTime(0.001, audio.currentTime + at + 0.22);
      tone.connect(loud).connect(audio.destination);
      tone.start(audio.currentTime + at);
      tone.stop(audio.currentTime + at + 0.23);
    }
  };
  const notify = (text) => {
    if (!wants.notify || typeof Notification === "undefined" || Notification.permission !== "granted") return;
    // Some browsers of telephones have them for installed pages only.
    try { new Notification("piprov", { body: text, tag: "piprov" }); } catch { wants.notify = false; alerts(); }
  };
  const alerts = () => {
    for (const button of document.querySelectorAll("button[data-alert]")) {
      const name = button.dataset.alert, there = name === "sound" ? typeof AudioContext !== "undefined" : typeof Notification !== "undefined" && isSecureContext;
      button.hidden = !there;
      if (!there) continue;
      const denied = name === "notify" && Notification.permission === "denied";
      const sleeps = name === "sound" && wants.sound && audio?.state !== "running";
      button.setAttribute("aria-pressed", String(wants[name] && !denied));
      button.textContent = `${name === "sound" ? "Sound" : "Notification"}: ${denied ? "the browser forbids it" : sleeps ? "on after a click" : wants[name] ? "on" : "off"}`;
    }
  };
  // Browsers let a page sound only after somebody has done something on it.
  const wake = async () => {
    if (!wants.sound || typeof AudioContext === "undefined" || audio?.state === "running") return;
    audio ??= new AudioContext();
    await audio.resume().catch(() => {});
    alerts();
  };
  for (const kind of ["pointerdown", "keydown"]) document.addEventListener(kind, wake);
  document.addEventListener("click", async (event) => {
    const button = event.target.closest("button[data-alert]");
    if (!button) return;
    const name = button.dataset.alert;
    wants[name] = !wants[name];
    if (name === "notify" && wants.notify && Notification.permission === "default") wants.notify = (await Notification.requestPermission()) === "granted";
    kept.set(`piprov.${name}`, wants[name]);
    if (name === "sound" && wants.sound) { await wake(); beep(); }
    alerts();
  });

  // Failures that nobody has seen stand in the title and in the icon.
  let failed = null;
  const failures = () => {
    const of = document.querySelector("[data-failed]:not(link)");
    const n = of ? Number(of.dataset.failed) : 0;
    if (failed !== null && n > failed) {
      if (wants.sound) beep();
      notify(n === 1 ? "1 board has failed." : `${n} boards have failed.`);
    }
    failed = n;
    document.title = n > 0 ? `(${n}) ${title}` : title;
    const icon = $("icon");
    const want = n > 0 ? icon.dataset.failed : icon.dataset.calm;
    if (icon.getAttribute("href") !== want) icon.setAttribute("href", want);
  };

  // How many boards are selected.
  const picked = () => {
    const of = document.querySelector(".picked");
    if (!of) return;
    const n = document.querySelectorAll("input[name=board]:checked").length;
    of.textContent = n === 0 ? "Select boards:" : n === 1 ? "1 board:" : `${n} boards:`;
  };
  document.addEventListener("change", picked);

  // Puts an element in the place of the one with its name; what a person has begun in it stays.
  const put = (fresh) => {
    const old = $(fresh.id);
    if (!old) {
      const others = $("others");
      if (others && fresh.classList.contains("card")) {
        others.append(fresh);
        $("nobody")?.classList.add("gone");
      }
      return;
    }
    for (const box of fresh.querySelectorAll("input[type=checkbox][id]")) {
      const before = $(box.id);
      if (before && before.type === "checkbox") box.checked = before.checked;
    }
    if (old.isEqualNode(fresh)) return;
    const focus = old.contains(document.activeElement) ? document.activeElement : null;
    const again = focus && (focus.id ? `#${CSS.escape(focus.id)}` : focus.getAttribute("formaction") ? `[formaction="${CSS.escape(focus.getAttribute("formaction"))}"]` : focus.getAttribute("href") ? `[href="${CSS.escape(focus.getAttribute("href"))}"]` : null);
    // A field in which somebody is writing isn't taken away.
    if (focus && focus.matches("input:not([type=checkbox]), textarea, select")) return;
    const ends = [...old.querySelectorAll("[data-follow]")].map((of) => [of.id, of.scrollTop + of.clientHeight >= of.scrollHeight - 4, of.scrollTop]);
    old.replaceWith(fresh);
    // A log is followed while its end is seen; else it stays where somebody reads.
    for (const [id, end, top] of ends) { const of = $(id); if (of) of.scrollTop = end ? of.scrollHeight : top; }
    if (again) fresh.querySelector(again)?.focus();
  };

  const parts = (html) => {
    const template = document.createElement("template");
    template.innerHTML = html;
    return [...template.content.children];
  };

  // Many changes at once are put there a few at a time, so that who types or scrolls isn't held up; of several for one
  // place the last counts.
  const waiting = new Map();
  let working = false;
  const work = (most) => {
    const end = performance.now() + most;
    for (const [id, fresh] of waiting) {
      waiting.delete(id);
      put(fresh);
      if (performance.now() > end) break;
    }
    failures();
  };
  const turn = () => {
    working = false;
    work(8);
    if (waiting.size > 0) {
      working = true;
      setTimeout(turn, 0);
    }
  };
  const puts = (all) => {
    for (const fresh of all) waiting.set(fresh.id, fresh);
    if (!working) turn();
  };

  // The page once more, with what has changed in it since.
  let loading = false, once = false, troubled = () => {};
  const anew = async () => {
    if (loading) { once = true; return; }
    loading = true;
    try {
      const answer = await fetch(location.href, { credentials: "same-origin", redirect: "follow", cache: "no-store" });
      if (answer.redirected && new URL(answer.url).pathname !== location.pathname) { location.href = answer.url; return; }
      if (!answer.ok) throw new Error(answer.status);
      const page = new DOMParser().parseFromString(await answer.text(), "text/html");
      const style = page.querySelector("link[rel=stylesheet]")?.getAttribute("href");
      if (style !== document.querySelector("link[rel=stylesheet]").getAttribute("href")) { $("stale").hidden = false; return; }
      const fresh = [...page.querySelectorAll("main [data-part][id]")];
      // What was told before is older than this.
      work(Infinity);
      // Notices are told once: those that stand here stay.
      const names = new Set(fresh.map((part) => part.id));
      for (const old of document.querySelectorAll("main [data-part][id]")) {
        if (!names.has(old.id) && old.id !== "notices") old.remove();
      }
      for (const part of fresh) {
        if (part.id === "notices" && part.children.length === 0) continue;
        const old = $(part.id);
        if (!old) {
          // It stands behind what stands before it there.
          const within = part.parentElement?.id ? $(part.parentElement.id) : null;
          const before = part.previousElementSibling?.id ? $(part.previousElementSibling.id) : null;
          if (before) before.after(document.adoptNode(part));
          else if (within) within.prepend(document.adoptNode(part));
          else location.reload();
        } else put(document.adoptNode(part));
      }
      failures();
      picked();
      troubled(false);
    } catch {
      // What stands here may be old: a station without its database answers, and shows no page.
      troubled(true);
      setTimeout(anew, 2000);
    } finally {
      loading = false;
      if (once) { once = false; anew(); }
    }
  };

  // Two clocks that differ are said; what is on its way takes some seconds too.
  const skew = $("skew");
  let ahead = 0;
  if (skew && performance.getEntriesByType("navigation")[0]?.type !== "back_forward") {
    const apart = Math.round(Math.abs(Date.now() - Number(skew.dataset.now)) / 1000);
    if (apart > 60) {
      ahead = Number(skew.dataset.now) - Date.now();
      const [n, unit] = apart < 7200 ? [Math.round(apart / 60), "minute"] : apart < 172800 ? [Math.round(apart / 3600), "hour"] : [Math.round(apart / 86400), "day"];
      skew.querySelector("b").textContent = `${n} ${unit}${n === 1 ? "" : "s"}`;
      skew.hidden = false;
    }
  }

  // The stream of changes. When it is lost the page says so, and since when; it is right again before it says nothing.
  const live = document.querySelector("[data-live]");
  if (live) {
    let seen = live.dataset.from, lost = null, source = null, heard = Date.now(), soon = null, wait = 500;
    const wanted = (live.dataset.watch || "").split(" ").filter(Boolean);
    const say = (is) => {
      if (is && !lost) {
        // As all times on the page: by the station's clock, and in its time zone.
        lost = new Date(Date.now() + ahead + Number(skew.dataset.zone));
        $("lost").querySelector("time").textContent = lost.toISOString().slice(11, 19);
        $("lost").hidden = false;
        document.body.classList.add("old");
      } else if (!is && lost) {
        lost = null;
        $("lost").hidden = true;
        document.body.classList.remove("old");
      }
    };
    troubled = (is) => { if (is || source?.readyState === EventSource.OPEN) say(is); };
    const got = (event) => {
      heard = Date.now();
      if (event.lastEventId) seen = event.lastEventId;
    };
    // Many changes are one load; changes without a pause don't put it off.
    const every = Math.max(150, Number(live.dataset.every) || 0);
    let last = 0;
    const later = () => {
      soon ??= setTimeout(() => { soon = null; last = Date.now(); anew(); }, Math.max(150, every - (Date.now() - last)));
    };
    const open = () => {
      source?.close();
      source = new EventSource(`${live.dataset.live}${live.dataset.live.includes("?") ? "&" : "?"}from=${seen}`);
      source.onopen = async () => {
        heard = Date.now();
        wait = 500;
        if (lost) { await anew(); say(false); }
      };
      source.addEventListener("put", (event) => {
        got(event);
        puts(parts(event.data));
      });
      source.addEventListener("anew", (event) => { got(event); anew(); });
      source.addEventListener("change", (event) => {
        got(event);
        const change = JSON.parse(event.data);
        if (change.of === "gap" || wanted.length === 0 || wanted.includes(change.of) || wanted.includes(change.id) || wanted.includes(change.board)) later();
      });
      source.onerror = () => {
        source.close();
        if (rests) return;
        say(true);
        // It is there, and doesn't know this session any more: the page leads to where one signs in.
        fetch(location.href, { method: "HEAD", credentials: "same-origin", cache: "no-store", redirect: "manual" })
          .then((answer) => { if (answer.type === "opaqueredirect" || answer.status === 401) location.reload(); })
          .catch(() => {});
        setTimeout(() => { if (!rests) open(); }, wait);
        wait = Math.min(wait * 2, 10000);
      };
    };
    open();
    // Browsers open six connections to a station without HTTPS, and each stream is one. So of tabs that nobody sees one
    // goes on, for the sound and the notification; the others stop, and catch up when they are seen again.
    const tabs = typeof BroadcastChannel === "undefined" ? null : new BroadcastChannel("piprov.tabs");
    const mine = Math.random();
    let rests = false, answered = false;
    const rest = () => { rests = true; source?.close(); };
    const ask = () => {
      if (!tabs || !document.hidden || rests) return;
      answered = false;
      tabs.postMessage({ who: mine });
      setTimeout(() => { if (document.hidden && answered) rest(); }, 300 + Math.random() * 700);
    };
    if (tabs) tabs.onmessage = ({ data }) => {
      // Of those that nobody sees the one with the least number goes on.
      if (data.who !== undefined && !rests && (!document.hidden || mine < data.who)) tabs.postMessage("here");
      if (data === "here") answered = true;
      // Somebody else who went on is gone: one of those that rest takes its place.
      if (data === "gone" && rests) setTimeout(() => { if (rests) { rests = false; open(); setTimeout(ask, 1000); } }, Math.random() * 2000);
    };
    if (document.hidden) setTimeout(ask, 3000);
    const awake = () => { if (rests) { rests = false; anew(); open(); } };
    addEventListener("pagehide", () => { source?.close(); if (!rests) tabs?.postMessage("gone"); });
    addEventListener("pageshow", (event) => { if (event.persisted) { rests = false; anew(); open(); } });
    document.addEventListener("visibilitychange", () => {
      if (document.hidden) { setTimeout(ask, 3000); return; }
      awake();
      // A laptop that slept has missed what nobody has told it.
      if (Date.now() - heard > 60000) { anew(); open(); }
    });
  }

  // What is looked for is looked up while it is typed: it stands in the URL, so a bookmark keeps it.
  let typing = null;
  document.addEventListener("input", (event) => {
    const form = event.target.closest("form[data-filter]");
    if (!form) return;
    clearTimeout(typing);
    typing = setTimeout(() => {
      const query = new URLSearchParams([...new FormData(form)].filter(([, value]) => value));
      history.replaceState(null, "", form.getAttribute("action") + (query.size > 0 ? `?${query}` : ""));
      anew();
    }, 250);
  });
  for (const of of document.querySelectorAll("[data-follow]")) of.scrollTop = of.scrollHeight;

  // What a form would do is said again when something else is chosen in it.
  const preview = document.querySelector("form[data-preview]");
  if (preview) {
    let wanted = 0;
    preview.addEventListener("change", async (event) => {
      if (!event.target.matches("select")) return;
      const mine = ++wanted, fields = new FormData(preview);
      for (const name of ["proof", "shown", "anyway", "board"]) fields.delete(name);
      // Also those that are left out: why stands there.
      for (const board of new URLSearchParams(location.search).getAll("board")) fields.append("board", board);
      const answer = await fetch(`${preview.getAttribute("action")}?${new URLSearchParams(fields)}`, { credentials: "same-origin", cache: "no-store" }).catch(() => null);
      if (!answer?.ok || mine !== wanted) return;
      const page = new DOMParser().parseFromString(await answer.text(), "text/html"), fresh = page.getElementById("erased");
      if (mine === wanted && fresh) $("erased").replaceWith(document.adoptNode(fresh));
    });
  }

  // One click copies.
  document.addEventListener("click", (event) => {
    const code = event.target.closest("code[data-copy]");
    if (code) navigator.clipboard?.writeText(code.textContent).then(() => { code.dataset.copied = "1"; setTimeout(() => delete code.dataset.copied, 900); });
  });

  // A file that is sent in pieces: it goes on where it broke off, also after this page was loaded anew.
  const upload = document.querySelector("form[data-upload]");
  if (upload) {
    const field = upload.elements.file, wrong = $("upload-wrong"), going = $("upload-going");
    const proof = upload.elements.proof.value, bar = going.querySelector("progress"), words = going.querySelector("span");
    const refuse = (text) => { wrong.textContent = `✕ ${text}`; wrong.hidden = !text; };
    const asked = async (path, options) => {
      const answer = await fetch(path, { method: "POST", credentials: "same-origin", ...options });
      const json = (answer.headers.get("content-type") || "").includes("json") ? await answer.json() : {};
      if (!answer.ok) throw Object.assign(new Error(answer.status === 401 ? "you are signed out: sign in in another tab, then press Upload again, and it goes on" : json.detail || `the station answers ${answer.status}`), { status: answer.status });
      return json;
    };
    // As gzip and zip have it: crypto.subtle isn't there on a page without HTTPS.
    const table = Uint32Array.from({ length: 256 }, (_, n) => { for (let k = 0; k < 8; k++) n = n & 1 ? 0xedb88320 ^ (n >>> 1) : n >>> 1; return n; });
    const crc32 = async (file, size) => {
      let crc = ~0;
      for (let at = 0; at < size; at += 1 << 20) {
        words.textContent = `Looking whether it is the same file: ${Math.floor(at * 100 / size)} %`;
        const bytes = new Uint8Array(await file.slice(at, Math.min(at + (1 << 20), size)).arrayBuffer());
        for (const byte of bytes) crc = table[(crc ^ byte) & 255] ^ (crc >>> 8);
      }
      return ~crc >>> 0;
    };
    const waits = (file) => [...document.querySelectorAll("[data-waits]")].find((one) => one.dataset.file === file.name && Number(one.dataset.size) === file.size);
    const pause = (time) => new Promise((done) => setTimeout(done, time));
    const send = async (file) => {
      const known = waits(file);
      let it;
      if (known) {
        const name = upload.elements.name.value.trim(), sha256 = upload.elements.sha256.value.trim().toLowerCase(), of = known.dataset;
        const way = "Cancel the one that waits, on the page Images, to begin anew.";
        if (name && name !== of.name) throw new Error(`This file was begun under the name ${of.name}. ${way}`);
        if (sha256 && sha256 !== of.sha256) throw new Error(`This file was begun ${of.sha256 ? "with another sha256" : "without a sha256"}. ${way}`);
        it = await asked(`/uploads/${of.waits}/state`, { body: new URLSearchParams({ proof, check: 1 }) });
        if (it.came > 0 && it.crc32 !== await crc32(file, it.came)) throw new Error(`What has come already isn't the beginning of this file: ${file.name} was changed since. ${way}`);
      } else {
        const fields = { proof, name: upload.elements.name.value, sha256: upload.elements.sha256.value, file: file.name, size: file.size };
        it = await asked("/uploads", { body: new URLSearchParams(fields) });
      }
      const piece = Math.min(it.piece, 4 << 20), began = Date.now(), from = it.came;
      let wait = 500, last = Date.now();
      while (it.came < file.size) {
        try {
          const body = file.slice(it.came, it.came + piece);
          it = await asked(`/uploads/${it.id}/piece?at=${it.came}`, { body, headers: { "x-piprov-proof": proof, "content-type": "application/octet-stream" } });
          wait = 500;
          last = Date.now();
        } catch (error) {
          // The station says no; or it is away, and comes back.
          if (error.status && error.status !== 409 && error.status < 500) throw error;
          if (Date.now() - last > 600000) throw error;
          words.textContent = `Nothing arrives: ${error.message}. It goes on by itself.`;
          await pause(wait);
          wait = Math.min(wait * 2, 10000);
          try { it = await asked(`/uploads/${it.id}/state`, { body: new URLSearchParams({ proof }) }); } catch (again) { if (again.status && again.status < 500) throw again; }
          continue;
        }
        const percent = Math.floor(it.came * 100 / file.size), rate = (it.came - from) / ((Date.now() - began) / 1000 || 1);
        const left = Math.round((file.size - it.came) / rate), seconds = String(left % 60).padStart(2, "0");
        bar.value = percent;
        words.textContent = `${percent} %, ${(rate / 1e6).toFixed(1)} MB/s, ${Math.floor(left / 60)}:${seconds} left`;
      }
      location.href = "/images";
    };
    const start = (file) => {
      if (!file || !going.hidden) return;
      refuse("");
      going.hidden = false;
      const leave = (event) => event.preventDefault();
      addEventListener("beforeunload", leave);
      send(file).catch((error) => { refuse(error.message); going.hidden = true; }).finally(() => removeEventListener("beforeunload", leave));
    };
    upload.addEventListener("submit", (event) => { event.preventDefault(); start(field.files[0]); });
    for (const kind of ["dragenter", "dragover"]) upload.addEventListener(kind, (event) => { event.preventDefault(); upload.classList.add("over"); });
    for (const kind of ["dragleave", "drop"]) upload.addEventListener(kind, () => upload.classList.remove("over"));
    upload.addEventListener("drop", (event) => { event.preventDefault(); start(event.dataTransfer.files[0]); });
  }

  // A slot is dragged into another cell of the bench's map. Its arrows do the same.
  let dragged = null;
  document.addEventListener("dragstart", (event) => {
    const tile = event.target.closest?.("[data-slot]");
    dragged = tile ? tile.dataset.slot : null;
    if (tile) event.dataTransfer.setData("text/plain", dragged);
  });
  document.addEventListener("dragend", () => { dragged = null; });
  document.addEventListener("dragover", (event) => { if (dragged !== null && event.target.closest?.("[data-bench] td")) event.preventDefault(); });
  document.addEventListener("drop", (event) => {
    const cell = dragged === null ? null : event.target.closest?.("[data-bench] td");
    if (!cell) return;
    event.preventDefault();
    const bench = cell.closest("[data-bench]").dataset, form = document.createElement("form");
    form.method = "post";
    form.action = `${bench.bench}/${encodeURIComponent(dragged)}/map`;
    for (const [name, value] of Object.entries({ proof: bench.proof, row: cell.dataset.row, column: cell.dataset.column })) {
      const field = document.createElement("input");
      field.type = "hidden";
      field.name = name;
      field.value = value;
      form.append(field);
    }
    document.body.append(form);
    form.submit();
  });

  // Passkeys: the browser asks for one, and what it says goes into the form. Bytes are hexadecimal digits there.
  const unhex = (text) => Uint8Array.from((text || "").match(/../g) || [], (two) => parseInt(two, 16));
  const hex = (bytes) => (bytes ? [...new Uint8Array(bytes)].map((byte) => byte.toString(16).padStart(2, "0")).join("") : "");
  for (const form of document.querySelectorAll("form[data-passkey]")) {
    if (!window.PublicKeyCredential) continue;
    const known = form.dataset, began = Date.now(), wrong = form.querySelector("[data-wrong]");
    form.hidden = false;
    form.querySelector("[data-without]")?.remove();
    form.addEventListener("submit", async (event) => {
      event.preventDefault();
      wrong.hidden = true;
      try {
        // A question is good for five minutes: a page that stood for longer asks anew.
        let challenge = known.challenge;
        if (known.fresh && Date.now() - began > 200000) {
          const page = new DOMParser().parseFromString(await (await fetch(known.fresh, { credentials: "same-origin", cache: "no-store" })).text(), "text/html");
          challenge = page.querySelector("form[data-passkey]")?.dataset.challenge || challenge;
        }
        const ids = known.ids.split(" ").filter(Boolean).map((id) => ({ type: "public-key", id: unhex(id) }));
        const asked = { challenge: unhex(challenge), timeout: 240000 };
        let got;
        if (known.passkey === "make") {
          got = await navigator.credentials.create({ publicKey: {
            ...asked, rp: { id: known.host, name: "piprov" }, user: { id: unhex(known.user), name: known.name, displayName: known.name },
            pubKeyCredParams: [-8, -7, -257].map((alg) => ({ type: "public-key", alg })), excludeCredentials: ids, attestation: "none",
            authenticatorSelection: { residentKey: "preferred", userVerification: "preferred" },
          } });
        } else {
          got = await navigator.credentials.get({ publicKey: { ...asked, rpId: known.host, allowCredentials: ids, userVerification: known.verified } });
        }
        const said = got.response, fields = { challenge, client: hex(said.clientDataJSON), data: hex(said.attestationObject || said.authenticatorData), signature: hex(said.signature), id: hex(got.rawId), user: hex(said.userHandle) };
        for (const [name, value] of Object.entries(fields)) form.elements.namedItem(name).value = value;
        form.submit();
      } catch (error) {
        const said = { InvalidStateError: "this passkey is yours already", NotAllowedError: "no passkey came: it was cancelled, took too long, or there is none for this page" };
        wrong.textContent = `✕ Not done: ${said[error.name] || error.message}.`;
        wrong.hidden = false;
      }
    });
  }

  // A camera's pictures go to the station as grey dots, one after the other, until a code in one names a board.
  const scan = document.querySelector("[data-scan]");
  if (scan && navigator.mediaDevices?.getUserMedia) {
    const video = scan.querySelector("video"), button = scan.querySelector("button"), said = scan.querySelector("[data-said]");
    const canvas = document.createElement("canvas"), began = button.textContent;
    let stream = null;
    const stop = () => {
      for (const track of stream?.getTracks() ?? []) track.stop();
      stream = null;
      video.srcObject = null;
      video.hidden = true;
      button.textContent = began;
    };
    const look = async () => {
      if (!stream) return;
      let wait = 200;
      if (video.videoWidth > 0 && !document.hidden) {
        const by = Math.min(1, 1024 / Math.max(video.videoWidth, video.videoHeight));
        const width = Math.max(32, Math.round(video.videoWidth * by)), height = Math.max(32, Math.round(video.videoHeight * by));
        canvas.width = width;
        canvas.height = height;
        const context = canvas.getContext("2d", { willReadFrequently: true });
        context.drawImage(video, 0, 0, width, height);
        const all = context.getImageData(0, 0, width, height).data, dots = new Uint8Array(width * height);
        for (let at = 0; at < dots.length; at += 1) dots[at] = (all[4 * at] * 77 + all[4 * at + 1] * 150 + all[4 * at + 2] * 29) >> 8;
        try {
          const headers = { "x-piprov-proof": scan.dataset.proof, "content-type": "application/octet-stream" };
          const answer = await fetch(`${scan.dataset.scan}?width=${width}&height=${height}`, { method: "POST", body: dots, headers, credentials: "same-origin", redirect: "error" });
          if (!answer.ok) throw new Error(`the station answers ${answer.status}`);
          const seen = await answer.json();
          if (seen.board) { stop(); location.href = `/boards/${encodeURIComponent(seen.board)}`; return; }
          if (seen.text) said.textContent = `No board is known by “${seen.text}”.`;
        } catch (error) {
          said.textContent = `✕ Not looked at: ${error.message}.`;
          wait = 2000;
        }
      }
      setTimeout(look, wait);
    };
    scan.hidden = false;
    button.addEventListener("click", async () => {
      if (stream) { stop(); return; }
      said.textContent = "";
      try {
        stream = await navigator.mediaDevices.getUserMedia({ audio: false, video: { facingMode: "environment", width: { ideal: 1024 } } });
        video.srcObject = stream;
        video.hidden = false;
        await video.play();
        button.textContent = "Stop the camera";
        look();
      } catch (error) {
        stop();
        said.textContent = `✕ No camera: ${error.message}.`;
      }
    });
    addEventListener("pagehide", stop);
  }

  failures();
  picked();
  alerts();
})();
