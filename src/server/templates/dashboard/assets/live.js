// Shows what is new on the server. Every page works without this file.
(() => {
  'use strict';
  const address = document.body.dataset.live;
  if (!address || !window.EventSource) return;
  let source = null;
  let edition = document.body.dataset.edition;
  let isFetching = false;
  let isStale = false;
  // A form that was sent holds nothing any more that could be lost.
  document.addEventListener('submit', (event) => { event.target.dataset.sent = ''; });

  const say = (text) => {
    const place = document.getElementById('live');
    if (place && place.textContent !== text) place.textContent = text;
  };

  const isTouched = (form) => [...form.elements].some((field) =>
    (field.type === 'radio' || field.type === 'checkbox') ? field.checked !== field.defaultChecked
      : field.tagName === 'SELECT' ? [...field.options].some((option) => option.selected !== option.defaultSelected)
      : 'defaultValue' in field && field.type !== 'hidden' && field.value !== field.defaultValue);

  // What somebody works on: it stays as it is, whatever arrives.
  const isInUse = (part) => part.contains(document.activeElement)
    || part.querySelector('.decide details[open]') !== null
    || [...part.querySelectorAll('form'), ...(part.matches('form') ? [part] : [])].some((form) => !('sent' in form.dataset) && isTouched(form));

  const swap = (text) => {
    const next = new DOMParser().parseFromString(text, 'text/html');
    const [was, is] = [document.getElementById('main'), next.getElementById('main')];
    if (!was || !is) return;
    const active = document.activeElement;
    const selection = active && 'selectionStart' in active ? [active.selectionStart, active.selectionEnd] : null;
    for (const details of was.querySelectorAll('details[open][id]')) {
      const twin = is.querySelector('#' + CSS.escape(details.id));
      if (twin) twin.open = true;
    }
    for (const part of was.querySelectorAll('[data-keep]')) {
      if (!isInUse(part)) continue;
      const twin = is.querySelector(`[data-keep="${CSS.escape(part.dataset.keep)}"]`);
      if (twin && twin.dataset.state === part.dataset.state) { twin.replaceWith(part); continue; }
      const warning = document.createElement('p');
      warning.className = 'notice warn';
      warning.setAttribute('role', 'alert');
      warning.textContent = twin ? 'This has changed since you opened it. Copy what you typed and reload the page before you decide.'
        : 'This is no longer pending. What you typed is still here to copy.';
      if (!part.querySelector(':scope > .notice.warn')) part.prepend(warning);
      if (twin) twin.replaceWith(part); else (is.querySelector('[data-list]') || is).append(part);
    }
    was.replaceChildren(...is.childNodes);
    if (active && active !== document.activeElement && was.contains(active)) {
      active.focus({ preventScroll: true });
      if (selection && selection[0] !== null) active.setSelectionRange(...selection);
    }
    document.title = next.title;
    const [counted, counts] = [document.getElementById('pending-count'), next.getElementById('pending-count')];
    if (counted && counts) counted.replaceWith(counts);
    document.body.dataset.edition = next.body.dataset.edition;
  };

  const refresh = async () => {
    if (isFetching) { isStale = true; return; }
    isFetching = true;
    try {
      do {
        isStale = false;
        const answer = await fetch(location.href, { headers: { 'x-countersign-live': '1' }, redirect: 'error' });
        if (answer.ok) swap(await answer.text());
      } while (isStale);
      say('Up to date. This page follows the trail by itself.');
    } catch {
      say('What is new cannot be fetched. Reload the page.');
    } finally { isFetching = false; }
  };

  const follow = () => {
    if (source) return;
    source = new EventSource(address);
    source.addEventListener('edition', (event) => {
      if (event.data === edition) { say('Up to date. This page follows the trail by itself.'); return; }
      edition = event.data;
      refresh();
    });
    source.addEventListener('error', () => {
      say('The connection is lost. Trying again.');
      if (source && source.readyState === EventSource.CLOSED) { source = null; say('This page no longer follows the trail. Reload it.'); }
    });
  };
  const rest = () => { if (source) { source.close(); source = null; } };

  // A browser opens few connections to a server; tabs that nobody looks at keep none.
  document.addEventListener('visibilitychange', () => { if (document.hidden) rest(); else follow(); });
  if (!document.hidden) follow();
})();
