// Export of one case or of all that the list shows.
import { download } from "/static/api.js";
import { dialog, field, h, t, toast } from "/static/dom.js";
import { on, session } from "/static/model.js";

export function buildExport() {
  on("export", (cases) => {
    const names = session.start.formats;
    const choice = h("select", { name: "format" }, names.map((name) => h("option", { value: name }, TITLES[name] ? t(TITLES[name]) : name)));
    const button = h("button", { type: "submit", class: "primary" }, t("export"));
    const close = dialog(t("export-title", { count: cases.length }), () => [h("form", { onsubmit: async (event) => {
      event.preventDefault();
      button.disabled = true;
      try {
        await download("/api/export", { format: choice.value, cases });
        close();
      } catch (error) {
        button.disabled = false;
        toast(error.message, { kind: "bad" });
      }
    } }, field(t("format"), choice), h("p", { class: "quiet" }, t("export-note")), h("div", { class: "row end" }, button))]);
  });
}

const TITLES = { csv: "format-csv", json: "format-json", table: "format-table" };
