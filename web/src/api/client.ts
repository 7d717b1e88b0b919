/**
 * A typed client for Linefeed's API, generated from its OpenAPI description; for pages of your own as well as ours.
 *
 * ```js
 * import { createClient } from "https://…/embed/linefeed-client.js";
 * const linefeed = createClient({ baseUrl: "https://…", token: () => session.accessToken });
 * const { upload, progress } = await linefeed.upload(id);
 * ```
 *
 * `linefeed.api` speaks every route of the description (https://openapi-ts.dev/openapi-fetch); the methods beside it
 * are what a page needs most. Whatever is refused is thrown as an `ApiError`.
 */
import createFetchClient, { type Client as FetchClient } from "openapi-fetch";
import type { components, paths } from "./schema";

export type Schemas = components["schemas"];
export type Upload = Schemas["Upload"];
export type Progress = Schemas["Progress"];
export type Problem = Schemas["Problem"];
export type RefusedRow = Schemas["RefusedRow"];
export type AuditEvent = Schemas["AuditEvent"];
export type QualityReport = Schemas["QualityReport"];
export type Session = Schemas["Session"];
export type Preview = Schemas["ShownPreview"];
export type ConfirmPreview = Schemas["ConfirmPreview"];
export type StartedUpload = Schemas["StartedUpload"];
export type StartUpload = Schemas["StartUpload"];

export interface OneUpload {
  upload: Upload;
  progress: Progress;
}

export interface Page<T> {
  items: T[];
  /** Gets the next page; null behind the last one. */
  cursor: string | null;
}

export interface RefusedRows extends Page<RefusedRow> {
  columns: string[];
}

export interface ClientOptions {
  /** Where the API is, without a path; "" for the page's own origin. */
  baseUrl: string;
  /** The session's token, asked for at each request; null where a cookie says who it is. */
  token: () => string | null;
  /** Called once a request was answered 401. */
  onSignedOut?: () => void;
}

/** A request that was refused, or that got no answer (then `status` is 0 and `code` `unreachable`). */
export class ApiError extends Error {
  constructor(
    readonly status: number,
    readonly code: string,
    message: string,
    readonly supportId: string | null = null,
    /** Seconds after which it may be tried again, where the answer says so. */
    readonly retryAfter: number | null = null,
    readonly errors: Record<string, unknown>[] = [],
  ) {
    super(message);
    this.name = "ApiError";
  }
}

const UPLOADS = "/api/import/manufacturing-data";

export type LinefeedClient = ReturnType<typeof createClient>;

export function createClient(options: ClientOptions) {
  const api: FetchClient<paths> = createFetchClient<paths>({
    baseUrl: options.baseUrl,
    credentials: options.baseUrl ? "include" : "same-origin",
    querySerializer: { array: { style: "form", explode: true } },
  });
  api.use({
    onRequest({ request }) {
      const token = options.token();
      if (token) request.headers.set("Authorization", `Bearer ${token}`);
      return request;
    },
    async onResponse({ response }) {
      if (response.ok || response.status === 304) return undefined;
      if (response.status === 401) options.onSignedOut?.();
      throw await refusalOf(response);
    },
    onError({ error }) {
      if (error instanceof ApiError) return error;
      if (error instanceof DOMException && error.name === "AbortError") return error;
      return new ApiError(0, "unreachable", "The service did not answer. Check the connection and try again.");
    },
  });

  /** One upload and how far it is. */
  async function upload(uploadId: string): Promise<OneUpload> {
    const { data } = await api.GET(UPLOADS, { params: { query: { uploadId } } });
    return data as OneUpload;
  }

  return {
    api,
    upload,

    async session(): Promise<Session> {
      return given((await api.GET("/api/import/session")).data);
    },

    /** Where the tenant's uploads are told as they change; the address is good for one connection. */
    async openLive(): Promise<{ url: string; expiresAt: string }> {
      return given((await api.POST("/api/import/live")).data);
    },

    /** Announce a file. Repeated with the same key, the first answer comes again, with a fresh signature. */
    async start(request: StartUpload, idempotencyKey: string): Promise<StartedUpload> {
      const params = { header: { "Idempotency-Key": idempotencyKey } };
      return given((await api.POST(UPLOADS, { params, body: request })).data);
    },

    /** The tenant's uploads, the newest first. */
    async history(query: HistoryQuery, cursor: string | null): Promise<Page<Upload>> {
      const { data } = await api.GET(UPLOADS, { params: { query: { ...query, ...after(cursor) } } });
      const page = data as { uploads: Upload[]; pagination: Pagination };
      return { items: page.uploads, cursor: page.pagination.nextCursor };
    },

    /** A page of the refused rows, and the file's columns in their order, which the rows' members need not have. */
    async refusedRows(uploadId: string, cursor: string | null, limit = 100): Promise<RefusedRows> {
      const params = { path: { uploadId }, query: { limit, ...after(cursor) } };
      const { data } = await api.GET(`${UPLOADS}/{uploadId}/errors`, { params });
      const page = data as { columns: string[]; refusedRows: RefusedRow[]; pagination: Pagination };
      return { items: page.refusedRows, cursor: page.pagination.nextCursor, columns: page.columns };
    },

    /** A short-lived address of a file with all refused rows. */
    async refusedRowsFile(uploadId: string, format: "csv" | "xlsx"): Promise<string> {
      const params = { path: { uploadId }, query: { format } };
      // Without this the answer is a redirect, which a fetch cannot follow with its Authorization header.
      const headers = { Accept: "application/json" };
      const { data } = await api.GET(`${UPLOADS}/{uploadId}/errors`, { params, headers });
      return (data as Schemas["Download"]).url;
    },

    async audit(uploadId: string, cursor: string | null): Promise<Page<AuditEvent>> {
      const params = { path: { uploadId }, query: { limit: 200, ...after(cursor) } };
      const page = given((await api.GET(`${UPLOADS}/{uploadId}/audit`, { params })).data);
      return { items: page.events, cursor: page.pagination.nextCursor };
    },

    async report(uploadId: string): Promise<QualityReport> {
      const { data } = await api.GET(`${UPLOADS}/{uploadId}/report`, { params: { path: { uploadId } } });
      return data as QualityReport;
    },

    /** How a file is read, while its upload is in review. */
    async preview(uploadId: string): Promise<Preview> {
      return given((await api.GET(`${UPLOADS}/{uploadId}/preview`, { params: { path: { uploadId } } })).data);
    },

    /** Import what was reviewed, with these choices in the place of the upload's; or with `preview` show it again. */
    async confirm(uploadId: string, choices: ConfirmPreview): Promise<void> {
      await api.POST(`${UPLOADS}/{uploadId}/confirm`, { params: { path: { uploadId } }, body: choices });
    },

    /** The report as a page of its own, which needs no script. */
    async reportPage(uploadId: string): Promise<Blob> {
      const params = { path: { uploadId }, query: { format: "html" as const } };
      return given((await api.GET(`${UPLOADS}/{uploadId}/report`, { params, parseAs: "blob" })).data);
    },

    /** An empty workbook to fill in. */
    async template(): Promise<Blob> {
      return given((await api.GET(`${UPLOADS}/template`, { parseAs: "blob" })).data as Blob | undefined);
    },

    async signParts(uploadId: string, partNumbers: number[]): Promise<{ partNumber: number; url: string }[]> {
      const params = { path: { uploadId } };
      return given((await api.POST(`${UPLOADS}/{uploadId}/parts`, { params, body: { partNumbers } })).data).parts;
    },

    async storedParts(uploadId: string): Promise<{ partNumber: number; size: number; etag: string }[]> {
      return given((await api.GET(`${UPLOADS}/{uploadId}/parts`, { params: { path: { uploadId } } })).data).parts;
    },

    async complete(uploadId: string): Promise<void> {
      await api.POST(`${UPLOADS}/{uploadId}/complete`, { params: { path: { uploadId } } });
    },

    async cancel(uploadId: string): Promise<void> {
      await api.DELETE(UPLOADS, { params: { query: { uploadId } } });
    },

    async retry(uploadId: string): Promise<void> {
      await api.POST(`${UPLOADS}/{uploadId}/retry`, { params: { path: { uploadId } } });
    },

    async undo(uploadId: string): Promise<void> {
      await api.POST(`${UPLOADS}/{uploadId}/undo`, { params: { path: { uploadId } } });
    },
  };
}

export interface HistoryQuery {
  limit?: number;
  /** Of the file's name, without regard to case. */
  search?: string;
  status?: Upload["status"][];
  /** Times in ISO 8601. */
  from?: string;
  to?: string;
}

interface Pagination {
  limit: number;
  nextCursor: string | null;
}

function after(cursor: string | null): { cursor?: string } {
  return cursor ? { cursor } : {};
}

function given<T>(data: T | undefined): T {
  if (data === undefined) throw new ApiError(0, "malformed_answer", "The service gave an answer without its content.");
  return data;
}

async function refusalOf(response: Response): Promise<ApiError> {
  const told = (await response.json().catch(() => ({}))) as Partial<Schemas["Error"]>;
  const wait = Number.parseInt(response.headers.get("Retry-After") ?? "", 10);
  return new ApiError(
    response.status,
    told.error ?? `http_${response.status}`,
    told.message ?? `The service answered with status ${response.status}.`,
    told.supportId ?? null,
    Number.isNaN(wait) ? null : wait,
    told.details?.errors ?? [],
  );
}
