// The official npm client and the help centre, whichever of the two interfaces this version of the client speaks:
// the tree since 11, the locale routes before.
"use strict";

const { assert, client, has, names, notes, refused, site, step, tell } = require("./npm_judge.cjs");
const api = client.website;
const BODY = "# Refunds\n\nWithin **14 days**, see [the form](https://example.org/form).\n\n* one\n* two";

async function helpCentre() {
  await step("checkHelpdeskExists", () => api.checkHelpdeskExists(site));
  await step("resolveHelpdesk", () => api.resolveHelpdesk(site), (told) => assert.match(told.url, /^https?:/));
  const made = () => api.initializeHelpdesk(site, "Another", "another");
  await refused("initializeHelpdesk", made, 403, "not_allowed");
  await step("listHelpdeskLocales", () => api.listHelpdeskLocales(site, 1), names("locale", ["en"]));
  await step("addHelpdeskLocale", () => api.addHelpdeskLocale(site, "fr"));
  await step("checkHelpdeskLocaleExists", () => api.checkHelpdeskLocaleExists(site, "fr"));
  await step("resolveHelpdeskLocale", () => api.resolveHelpdeskLocale(site, "fr"), has({ locale: "fr" }));
  await step("resolveHelpdeskSettings", () => api.resolveHelpdeskSettings(site));
}

async function tree() {
  const kind = ["en", "articles"];
  const folder = "billing";
  const path = `${folder}/refunds`;
  await step("createHelpdeskTreePath (folder)", () => api.createHelpdeskTreePath(site, ...kind, folder));
  await step("createHelpdeskTreePath (article)", () => api.createHelpdeskTreePath(site, ...kind, path));
  await step("resolveHelpdeskTreePath", () => api.resolveHelpdeskTreePath(site, ...kind, path), has({ slug: "refunds" }));
  await step("saveHelpdeskTreeContent", () => api.saveHelpdeskTreeContent(site, ...kind, path, BODY));
  const content = () => api.resolveHelpdeskTreeContent(site, ...kind, path);
  await step("resolveHelpdeskTreeContent", content, has({ content: BODY }));
  const state = { published: true, hidden: false, featured: true };
  const metadata = { title: "Refunds", description: "How to get one", state };
  await step("updateHelpdeskTreeMetadata", () => api.updateHelpdeskTreeMetadata(site, ...kind, path, metadata));
  await step("resolveHelpdeskTreeMetadata", () => api.resolveHelpdeskTreeMetadata(site, ...kind, path), has(metadata));
  const page = () => api.resolveHelpdeskTreePage(site, ...kind, path);
  const shown = await step("resolveHelpdeskTreePage", page, has({ title: "Refunds" }));
  assert.match(String(shown.url), /^https?:/);
  await step("listHelpdeskTree", () => api.listHelpdeskTree(site, ...kind, 1), (told) => {
    const one = told.find((entry) => entry.slug === folder);
    assert.deepEqual(one.children.map((child) => [child.slug, child.title, child.state]), [["refunds", "Refunds", state]]);
  });
  const inside = () => api.listHelpdeskTree(site, ...kind, 1, folder);
  await step("listHelpdeskTree (sub_path)", inside, names("slug", ["refunds"]));
  const found = () => api.listHelpdeskTree(site, ...kind, 1, undefined, "Refunds");
  await step("listHelpdeskTree (search_title)", found, (told) => assert.match(JSON.stringify(told), /"refunds"/));
  const pages = () => api.listHelpdeskPages(site, ...kind, 1);
  const [entity] = await step("listHelpdeskPages", pages, names("url", [shown.url]));
  const one = () => api.resolveHelpdeskPageEntity(site, ...kind, entity.entity_id);
  await step("resolveHelpdeskPageEntity", one, has({ title: "Refunds" }));
  await step("requestHelpdeskContentRefresh", () => api.requestHelpdeskContentRefresh(site, ...kind));
  const move = { action: "move", path: { to: "refunds-moved" } };
  await step("updateHelpdeskTreePath (move)", () => api.updateHelpdeskTreePath(site, ...kind, path, move));
  await refused("resolveHelpdeskTreePath (moved)", () => api.resolveHelpdeskTreePath(site, ...kind, path), 404, "path_not_found");
  await step("deleteHelpdeskTreePath", () => api.deleteHelpdeskTreePath(site, ...kind, "refunds-moved"));
  await step("deleteHelpdeskTreePath (folder)", () => api.deleteHelpdeskTreePath(site, ...kind, folder));
  await step("listHelpdeskTree (empty)", () => api.listHelpdeskTree(site, ...kind, 1), names("slug", []));
}

async function redirections() {
  const add = () => api.addHelpdeskRedirection(site, "/old/refunds", "https://example.org/refunds");
  const made = await step("addHelpdeskRedirection", add);
  await step("listHelpdeskRedirections", () => api.listHelpdeskRedirections(site, 1), names("path", ["/old/refunds"]));
  const id = made.redirection_id;
  await step("checkHelpdeskRedirectionExists", () => api.checkHelpdeskRedirectionExists(site, id));
  await step("resolveHelpdeskRedirection", () => api.resolveHelpdeskRedirection(site, id), has({ path: "/old/refunds" }));
  await step("deleteHelpdeskRedirection", () => api.deleteHelpdeskRedirection(site, id));
}

async function shelves() {
  const category = await step("addHelpdeskLocaleCategory", () => api.addHelpdeskLocaleCategory(site, "en", "Billing"));
  const at = category.category_id;
  await step("checkHelpdeskLocaleCategoryExists", () => api.checkHelpdeskLocaleCategoryExists(site, "en", at));
  await step("resolveHelpdeskLocaleCategory", () => api.resolveHelpdeskLocaleCategory(site, "en", at), has({ name: "Billing" }));
  const rename = () => api.updateHelpdeskLocaleCategory(site, "en", at, { name: "Money" });
  await step("updateHelpdeskLocaleCategory", rename);
  await step("listHelpdeskLocaleCategories", () => api.listHelpdeskLocaleCategories(site, "en", 1), names("name", ["Money"]));
  const section = await step("addHelpdeskLocaleSection", () => api.addHelpdeskLocaleSection(site, "en", at, "Refunds"));
  const sections = () => api.listHelpdeskLocaleSections(site, "en", at, 1);
  await step("listHelpdeskLocaleSections", sections, names("name", ["Refunds"]));
  const one = () => api.resolveHelpdeskLocaleSection(site, "en", at, section.section_id);
  await step("resolveHelpdeskLocaleSection", one, has({ name: "Refunds" }));
  return [at, section.section_id];
}

async function articles() {
  const [category, section] = await shelves();
  const made = await step("addNewHelpdeskLocaleArticle", () => api.addNewHelpdeskLocaleArticle(site, "en", "Refunds"));
  const id = made.article_id;
  await step("checkHelpdeskLocaleArticleExists", () => api.checkHelpdeskLocaleArticleExists(site, "en", id));
  const whole = { title: "Refunds", description: "How to get one", content: BODY, featured: true, order: 2 };
  await step("updateHelpdeskLocaleArticle", () => api.updateHelpdeskLocaleArticle(site, "en", id, whole));
  const read = () => api.resolveHelpdeskLocaleArticle(site, "en", id);
  await step("resolveHelpdeskLocaleArticle (draft)", read, has({ ...whole, status: "draft" }));
  await step("saveHelpdeskLocaleArticle", () => api.saveHelpdeskLocaleArticle(site, "en", id, whole));
  const put = () => api.updateHelpdeskLocaleArticleCategory(site, "en", id, category, section);
  await step("updateHelpdeskLocaleArticleCategory", put);
  const where = () => api.resolveHelpdeskLocaleArticleCategory(site, "en", id);
  await step("resolveHelpdeskLocaleArticleCategory", where, (told) => assert.match(JSON.stringify(told), new RegExp(category)));
  await step("publishHelpdeskLocaleArticle", () => api.publishHelpdeskLocaleArticle(site, "en", id));
  await step("resolveHelpdeskLocaleArticle (public)", read, has({ ...whole, status: "published", visibility: "visible" }));
  const page = () => api.resolveHelpdeskLocaleArticlePage(site, "en", id);
  await step("resolveHelpdeskLocaleArticlePage", page, (told) => assert.match(String(told.url), /^https?:/));
  await step("listHelpdeskLocaleArticles", () => api.listHelpdeskLocaleArticles(site, "en", 1), names("article_id", [id]));
  const found = () => api.listHelpdeskLocaleArticles(site, "en", 1, { search_title: "Refunds" });
  await step("listHelpdeskLocaleArticles (search_title)", found, names("article_id", [id]));
  const shelf = () => api.listHelpdeskLocaleArticles(site, "en", 1, { filter_category_id: category });
  await step("listHelpdeskLocaleArticles (filter_category_id)", shelf, names("article_id", [id]));
  await step("unpublishHelpdeskLocaleArticle", () => api.unpublishHelpdeskLocaleArticle(site, "en", id));
  await step("deleteHelpdeskLocaleArticle", () => api.deleteHelpdeskLocaleArticle(site, "en", id));
  await refused("resolveHelpdeskLocaleArticle (gone)", read, 404, "article_not_found");
  await step("deleteHelpdeskLocaleSection", () => api.deleteHelpdeskLocaleSection(site, "en", category, section));
  await step("deleteHelpdeskLocaleCategory", () => api.deleteHelpdeskLocaleCategory(site, "en", category));
}

tell(async () => {
  await helpCentre();
  if (api.listHelpdeskTree) {
    await tree();
    await redirections();
    notes.push("the help centre over the tree");
  } else {
    await articles();
    notes.push("the help centre over the locale routes");
  }
  await step("deleteHelpdeskLocale", () => api.deleteHelpdeskLocale(site, "fr"));
});
