// What people do with the dashboard, in Debian's chromium. `tests/browser.rs` serves the pages, plays one story at a
// time, and does what a story asks of the world outside of the browser.
import { createRequire } from 'node:module';
import { readFileSync } from 'node:fs';
import { createInterface } from 'node:readline';

const [npm, name] = process.argv.slice(2);
const require = createRequire(`${npm}/package.json`);
const { chromium } = require('playwright-core');
const axe = readFileSync(require.resolve('axe-core/axe.min.js'), 'utf8');
const { URL: url, TOKEN: token, CHROMIUM: executablePath, SHOTS: shots } = process.env;

const fail = (message) => { throw new Error(message); };
const check = (is, message) => is || fail(message);
const answers = createInterface({ input: process.stdin })[Symbol.asyncIterator]();
// Has something done outside of the browser, and waits for the answer.
const ask = async (what) => { console.log(`ask ${what}`); return (await answers.next()).value; };

const flags = ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync'];
const browser = await chromium.launch({ executablePath, args: flags });
const sizes = { light: { viewport: { width: 1280, height: 900 } }, dark: { colorScheme: 'dark', viewport: { width: 1280, height: 900 } }, phone: { viewport: { width: 360, height: 740 }, isMobile: true, hasTouch: true } };

// A page that reports whatever a browser complains of.
const open = async (options = {}) => {
  const context = await browser.newContext(options);
  context.setDefaultTimeout(30_000);
  const page = await context.newPage();
  page.complaints = [];
  page.on('console', (message) => { if (['error', 'warning'].includes(message.type()) && !message.text().includes('status of 4')) page.complaints.push(message.text()); });
  page.on('pageerror', (error) => page.complaints.push(String(error)));
  page.on('dialog', (dialog) => { page.complaints.push(`a dialog: ${dialog.message()}`); dialog.dismiss(); });
  return page;
};
const signIn = async (page, next = '/') => {
  await page.goto(`${url}/sign-in?next=${encodeURIComponent(next)}`);
  await page.getByLabel('Your personal token').fill(token);
  await page.getByRole('button', { name: 'Sign in' }).click();
  await page.waitForURL(url + next);
};
const card = (page, number) => page.locator(`#pull-${number}`);
const says = async (page, text) => { await page.getByText(text).first().waitFor(); };
// By how much the page, or a table in its panel, is too wide.
const sideways = (page) => page.evaluate(() => Math.max(document.documentElement.scrollWidth - document.documentElement.clientWidth,
  ...[...document.querySelectorAll('main table:not(.figures table)')].map((at) => at.getBoundingClientRect().width - at.parentElement.clientWidth - 0.5)));

const stories = {
  async deciding() {
    const page = await open();
    await page.goto(`${url}/pending`);
    await page.getByRole('link', { name: 'Sign in to decide' }).first().click();
    await page.getByLabel('Your personal token').fill('not-a-token');
    await page.getByRole('button', { name: 'Sign in' }).click();
    await says(page, 'Unknown token.');
    await page.getByLabel('Your personal token').fill(token);
    await page.getByRole('button', { name: 'Sign in' }).click();
    await page.waitForURL(`${url}/pending`);
    await card(page, 1).getByText('Approve', { exact: true }).click();
    await card(page, 1).getByLabel('Justification').fill('short');
    await card(page, 1).getByRole('button', { name: 'Approve commit' }).click();
    check(await page.locator('textarea:invalid').count() > 0, 'a short justification is sent');
    await card(page, 1).getByLabel('Justification').fill('The desk watches this market by hand tonight.');
    await card(page, 1).getByLabel('uncertain').check();
    await card(page, 1).getByRole('button', { name: 'Approve commit' }).click();
    await says(page, 'Your approval of pull request #1 is recorded');
    await page.reload();
    await says(page, 'Your approval of pull request #1 is recorded');
    await page.getByRole('button', { name: 'Dismiss' }).click();
    await page.getByText('is recorded').waitFor({ state: 'detached' });
    await card(page, 2).getByText('Reject', { exact: true }).first().click();
    await card(page, 2).getByLabel('Need more information').check();
    await card(page, 2).getByLabel('Reason, for the agent').fill('Which study?');
    await card(page, 2).getByRole('button', { name: 'Reject' }).click();
    await says(page, 'Your rejection of pull request #2 is recorded');
    await card(page, 3).getByText('Request changes', { exact: true }).first().click();
    await card(page, 3).getByLabel('What has to change?').fill('Smaller steps.');
    await card(page, 3).getByRole('button', { name: 'Request changes' }).click();
    await says(page, 'carol requested changes: it waits until they approve.');
    await page.goto(`${url}/cases/1`);
    await says(page, 'Approved by carol (admin), uncertain');
    await page.getByLabel('What should the agent learn').fill('Say who watches the market.');
    await page.getByRole('button', { name: 'Give feedback' }).click();
    await says(page, 'Your feedback is in the trail.');
    await page.getByRole('button', { name: 'Sign out' }).click();
    await page.getByRole('link', { name: 'Sign in' }).waitFor();
    return page;
  },

  async 'a link from elsewhere'() {
    const page = await open();
    await page.route('https://chat.example/**', (route) => route.fulfill({ contentType: 'text/html', body: `<a href="${url}/pending">the proposal</a>` }));
    await signIn(page);
    await page.goto('https://chat.example/thread');
    await page.getByRole('link', { name: 'the proposal' }).click();
    await page.getByRole('button', { name: 'Sign out' }).waitFor();
    await card(page, 1).getByText('Approve', { exact: true }).waitFor();
    return page;
  },

  async 'without a script'() {
    const page = await open({ javaScriptEnabled: false });
    await signIn(page, '/pending');
    await card(page, 1).locator('summary', { hasText: /^Approve$/ }).click();
    await card(page, 1).getByLabel('Justification').fill('The desk watches this market by hand tonight.');
    await card(page, 1).getByRole('button', { name: 'Approve commit' }).click();
    await says(page, 'Your approval of pull request #1 is recorded');
    for (const path of ['/', '/cases', '/cases/1', '/agents/strategy-optimizer']) {
      await page.goto(url + path);
      await page.locator('h1').waitFor();
    }
    return page;
  },

  async 'by keyboard'() {
    const page = await open();
    await page.goto(`${url}/sign-in`);
    const focus = () => page.evaluate(() => {
      const at = document.activeElement;
      const style = getComputedStyle(at);
      return { text: (at.textContent || at.value || '').trim(), name: at.name || '', tag: at.tagName, seen: style.outlineStyle !== 'none' && parseFloat(style.outlineWidth) > 0 };
    });
    const tabTo = async (is, what) => {
      for (let step = 0; step < 80; step++) {
        await page.keyboard.press('Tab');
        const at = await focus();
        check(at.tag === 'BODY' || at.seen, `the focus on ${at.tag} ${at.text.slice(0, 40)} cannot be seen`);
        if (is(at)) return;
      }
      fail(`${what} is out of reach of the keyboard`);
    };
    await tabTo((at) => at.text === 'Skip to content', 'the skip link');
    await tabTo((at) => at.name === 'token', 'the token');
    await page.keyboard.type(token);
    await page.keyboard.press('Enter');
    await page.waitForURL(`${url}/`);
    await tabTo((at) => at.tag === 'A' && at.text.startsWith('Pending'), 'what is pending');
    await page.keyboard.press('Enter');
    await page.waitForURL(`${url}/pending`);
    await tabTo((at) => at.tag === 'SUMMARY' && at.text === 'Approve', 'approving');
    await page.keyboard.press('Enter');
    await tabTo((at) => at.tag === 'TEXTAREA', 'the justification');
    await page.keyboard.type('The desk watches this market by hand tonight.');
    await tabTo((at) => at.name === 'confidence', 'the confidence');
    await page.keyboard.press('Space');
    await tabTo((at) => at.tag === 'BUTTON' && at.text.startsWith('Approve commit'), 'the button');
    await page.keyboard.press('Enter');
    await says(page, 'Your approval of pull request #1 is recorded');
    await says(page, '1 proposal waits');
    return page;
  },

  async 'what changes meanwhile'() {
    const page = await open();
    await signIn(page, '/pending');
    await card(page, 1).getByText('Approve', { exact: true }).click();
    const field = card(page, 1).getByLabel('Justification');
    await field.fill('I have read what is shown here.');
    await page.evaluate(() => { window.sameDocument = true; });
    await ask('push');
    await says(page, 'This has changed since you opened it.');
    check(await page.evaluate(() => window.sameDocument), 'the page was loaded anew');
    check(await field.inputValue() === 'I have read what is shown here.', 'what was typed is lost');
    check(await field.evaluate((at) => at === document.activeElement), 'the focus is lost');
    await card(page, 1).getByRole('button', { name: 'Approve commit' }).click();
    await says(page, 'The proposal was changed while you were reading, so nothing was recorded.');
    check(await card(page, 1).getByLabel('Justification').inputValue() === 'I have read what is shown here.', 'what was sent is lost');
    await page.locator('#pull-1 details[open] input[name=csrf]').evaluate((at) => { at.value = 'stolen'; });
    await card(page, 1).getByRole('button', { name: 'Approve commit' }).click();
    await says(page, 'does not belong to your session');
    check(await page.getByLabel('What you wrote, to copy').inputValue() === 'I have read what is shown here.', 'what was sent is lost');
    return page;
  },

  async 'live updates'() {
    const [overview, cases, waiting] = [await open(), await open(), await open()];
    await overview.goto(`${url}/`);
    await cases.goto(`${url}/cases`);
    await signIn(waiting, '/pending');
    for (const page of [overview, cases, waiting]) {
      await says(page, 'Up to date.');
      await page.evaluate(() => { window.sameDocument = true; });
    }
    await cases.getByLabel('Search').pressSequentially('half a wo');
    await card(waiting, 2).getByText('Reject', { exact: true }).first().click();
    await card(waiting, 2).getByLabel('Reason, for the agent').fill('I am still writing');
    await ask('approve');
    await cases.locator('tr', { hasText: '#1' }).getByText('by bob').waitFor();
    await overview.locator('.card-figure', { hasText: 'Pending now' }).getByText('1', { exact: true }).waitFor();
    check(await overview.locator('#pending-count').textContent() === '1', 'the count in the menu is old');
    await card(waiting, 1).waitFor({ state: 'detached' });
    check(await card(waiting, 2).getByLabel('Reason, for the agent').inputValue() === 'I am still writing', 'what is typed is lost');
    check(await cases.getByLabel('Search').inputValue() === 'half a wo', 'what is typed is lost');
    await cases.keyboard.type('rd');
    check(await cases.getByLabel('Search').inputValue() === 'half a word', 'the place in the text is lost');
    for (const page of [overview, cases, waiting]) {
      check(await page.evaluate(() => window.sameDocument), 'a page was loaded anew');
      check(page.complaints.length === 0, page.complaints.join('\n'));
    }
    await ask('reject');
    await says(waiting, 'This is no longer pending. What you typed is still here to copy.');
    check(await waiting.getByLabel('Reason, for the agent').inputValue() === 'I am still writing', 'what is typed is lost');
    return overview;
  },

  async 'hostile text'() {
    for (const [look, size] of Object.entries(sizes)) {
      const page = await open(size);
      await signIn(page, '/pending');
      for (const path of ['/pending', '/', '/cases', '/cases/1', '/agents/strategy-optimizer', '/cases?q=%3Cscript%3Ealert(1)%3C/script%3E']) {
        await page.goto(url + path);
        await page.locator('h1').waitFor();
        const found = await page.evaluate(() => ({
          injected: document.querySelectorAll('main script, main img, main b, main iframe, main [onerror], main [onload], main [style]').length,
          links: [...document.querySelectorAll('a')].filter((at) => !['http:', 'https:'].includes(at.protocol) || at.host !== location.host).map((at) => at.href),
          hidden: /[\u202a-\u202e\u2066-\u2069\u200b-\u200f\u0000-\u0008]/.test(document.body.textContent),
          ran: 'hacked' in window,
        }));
        check(found.injected === 0 && found.links.length === 0 && !found.hidden && !found.ran, `${look} ${path}: ${JSON.stringify(found)}`);
        check(await sideways(page) <= 0, `${look} ${path} scrolls sideways by ${await sideways(page)}`);
        if (shots) await page.screenshot({ path: `${shots}/hostile-${look}${path.replaceAll(/[^a-z0-9]/g, '-')}.png`, fullPage: true });
      }
      await page.goto(`${url}/pending`);
      check((await card(page, 1).textContent()).includes('<script>hacked = true</script>'), 'the text itself is not shown');
      check((await card(page, 1).textContent()).includes('\\u{202e}'), 'hidden characters are not shown');
      check(page.complaints.length === 0, page.complaints.join('\n'));
    }
    return open();
  },

  async looks() {
    const problems = [];
    for (const [look, size] of Object.entries(sizes)) {
      const page = await open(size);
      await page.goto(`${url}/sign-in`);
      const paths = ['/sign-in', '/', '/?since=2020-01-01&until=2020-01-02', '/pending', '/cases', '/cases?level=HIGH&page=2', '/cases/1', '/cases/3', '/agents/strategy-optimizer', '/cases/none'];
      await signIn(page);
      for (const path of paths) {
        await page.goto(url + path);
        await page.evaluate(() => document.querySelectorAll('details').forEach((at) => { at.removeAttribute('name'); at.open = true; }));
        await page.evaluate(axe);
        const { violations } = await page.evaluate(() => axe.run({ runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'] }));
        problems.push(...violations.map((one) => `${look} ${path}: ${one.id}: ${one.nodes.map((node) => `${node.target} ${node.failureSummary}`).slice(0, 3).join('; ')}`));
        const wide = await sideways(page);
        if (wide > 0) problems.push(`${look} ${path} scrolls sideways by ${wide}`);
        const ground = await page.evaluate(() => getComputedStyle(document.body).backgroundColor.match(/\d+/g).slice(0, 3).reduce((sum, one) => sum + Number(one), 0));
        if ((look === 'dark') !== (ground < 200)) problems.push(`${look} ${path} has the wrong ground`);
        if (shots) await page.screenshot({ path: `${shots}/${look}${path.replaceAll(/[^a-z0-9]/g, '-')}.png`, fullPage: true });
      }
      problems.push(...page.complaints);
    }
    check(problems.length === 0, problems.join('\n'));
    return open();
  },
};

try {
  const page = await (stories[name] ?? fail(`there is no story ${name}`))();
  check(page.complaints.length === 0, page.complaints.join('\n'));
  console.log('done');
} catch (error) {
  console.log(`failed ${JSON.stringify(String(error.stack ?? error))}`);
} finally {
  await browser.close();
  process.exit(0);
}
