/** Shapes of Docker's Engine API 1.51 for networks. */
import type { EndpointSettings, StringMap } from "./create.ts";

export interface IpamPool {
  readonly Subnet?: string;
  readonly IPRange?: string;
  readonly Gateway?: string;
  readonly AuxiliaryAddresses?: StringMap;
}

export interface Ipam {
  readonly Driver?: string;
  readonly Config?: readonly IpamPool[] | null;
  readonly Options?: StringMap | null;
}

/** POST /networks/create. */
export interface NetworkCreateBody {
  readonly Name: string;
  readonly Driver?: string;
  readonly Scope?: string;
  readonly Internal?: boolean;
  readonly Attachable?: boolean;
  readonly Ingress?: boolean;
  readonly ConfigOnly?: boolean;
  readonly ConfigFrom?: { readonly Network: string } | null;
  readonly IPAM?: Ipam | null;
  readonly EnableIPv4?: boolean | null;
  readonly EnableIPv6?: boolean | null;
  readonly Options?: StringMap | null;
  readonly Labels?: StringMap | null;
}

/** GET /networks (without the containers) and GET /networks/{id}. */
export interface NetworkInspect {
  readonly Name: string;
  readonly Id: string;
  /** RFC 3339. */
  readonly Created: string;
  readonly Scope: string;
  readonly Driver: string;
  readonly EnableIPv4?: boolean;
  readonly EnableIPv6: boolean;
  readonly IPAM: Ipam;
  readonly Internal: boolean;
  readonly Attachable: boolean;
  readonly Ingress: boolean;
  readonly ConfigFrom?: { readonly Network: string };
  readonly ConfigOnly?: boolean;
  readonly Containers?: Readonly<Record<string, NetworkMember>> | null;
  readonly Options: StringMap | null;
  readonly Labels: StringMap | null;
}

export interface NetworkMember {
  readonly Name: string;
  readonly EndpointID: string;
  readonly MacAddress: string;
  readonly IPv4Address: string;
  readonly IPv6Address: string;
}

/** POST /networks/{id}/connect. */
export interface NetworkConnectBody {
  readonly Container: string;
  readonly EndpointConfig?: EndpointSettings;
}
