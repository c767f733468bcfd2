const sprite = document.querySelector("use")?.getAttribute("href")?.split("#")[0] ?? "/static/icons.svg";

/** Icon draws one icon of the sprite; it says nothing to screen readers. */
export const Icon = ({ name }: { name: string }) => <svg className="icon" aria-hidden="true" focusable="false"><use href={`${sprite}#${name}`} /></svg>;
